// Executes a test script (README.md) on Node's engine: it checks the expectations, not our compiler.
//     node [--experimental-wasm-relaxed-simd] node.mjs DIRECTORY
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.argv[2];
const IN = 64, OUT = 4096;
const TRAPS = {
  'unreachable': /unreachable/,
  'out of bounds memory access': /memory access out of bounds|segment out of bounds|offset is out of bounds/,
  'out of bounds table access': /table (index|access)|out of bounds/,
  'undefined element': /table index is out of bounds/,
  'null reference': /null/,
  'null function reference': /null/,
  'uninitialized element': /null function|RuntimeError|signature/,
  'indirect call type mismatch': /signature|mismatch/,
  'integer divide by zero': /(divide|remainder) by zero/,
  'integer overflow': /unrepresentable/,
  'invalid conversion to integer': /unrepresentable/,
  'unaligned atomic': /unaligned|out of bounds/, // V8 looks at the bounds first
  'expected shared memory': /Atomics.wait cannot|out of bounds/,
  'call stack exhausted': /call stack size/,
};

let instance, imports = {}, failures = 0, checks = 0;
const bytes = hex => Uint8Array.from(hex.match(/../g) ?? [], h => parseInt(h, 16));
const memory = () => new Uint8Array(instance.exports.memory.buffer);

function matches(pattern, actual) {
  let at = 0;
  for (const item of pattern.split(',')) {
    const results = item.split('|');
    if (!results.some(result => matchesOne(result, actual, at))) return false;
    at += results[0][0] === 'x' ? results[0].length - 1 >> 1 : Number(results[0].slice(1));
  }
  return true;
}

function matchesOne(item, actual, at) {
  const rest = item.slice(1);
  if (item[0] === 'x') return bytes(rest).every((b, i) => actual[at + i] === b);
  const n = Number(rest), view = new DataView(actual.buffer, actual.byteOffset + at, n);
  const bits = n === 4 ? BigInt(view.getUint32(0, true)) : view.getBigUint64(0, true);
  const quiet = n === 4 ? 0x7fc00000n : 0x7ff8000000000000n;
  const payload = bits & (n === 4 ? 0x7fffffffn : 0x7fffffffffffffffn);
  return item[0] === 'c' ? payload === quiet : (payload & quiet) === quiet;
}

const objects = new Map();
function fromText(text) {
  const [type, v] = text.split(':');
  if (v === 'null') return null;
  if (type === 'externref') {
    if (!objects.has(v)) objects.set(v, { v });
    return objects.get(v);
  }
  const view = new DataView(bytes(v.slice(1)).buffer);
  return { i32: () => view.getInt32(0, true), i64: () => view.getBigInt64(0, true),
           f32: () => view.getFloat32(0, true), f64: () => view.getFloat64(0, true) }[type]();
}

function equals(text, actual) {
  const [type, v] = text.split(':');
  if (v === 'any') return actual !== null;
  if (v === 'null') return actual === null;
  return Object.is(actual, fromText(text));
}

function fail(line, why) {
  if (failures++ < 20) console.error(`${line.slice(0, 200)}: ${why}`);
}

for (const line of ['script.txt', 'relaxed.txt'].flatMap(file =>
    readFileSync(join(directory, file), 'utf8').split('\n'))) {
  const [left, right] = line.split(' ->').map(s => s.trim());
  const [verb, ...words] = left.split(' ');
  if (verb === 'call' && line.includes('v128:')) continue; // JavaScript has no such values
  if (verb === 'module') {
    instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(join(directory, words[0]))), imports);
  } else if (verb === 'register') {
    imports[words[0]] = instance.exports;
  } else if (verb === 'run' || verb === 'runtrap' || verb === 'call' || verb === 'trap') {
    checks++;
    const f = instance.exports[words[0]];
    let args = words.slice(1);
    if (verb.startsWith('run')) {
      memory().set(bytes(args[0].slice(1)), IN);
      args = [IN, OUT];
    } else {
      args = args.map(fromText);
    }
    try {
      const result = f(...args);
      if (verb.endsWith('trap')) fail(line, 'no trap');
      else if (verb === 'run') {
        if (!matches(right, memory().subarray(OUT, OUT + 16384)))
          fail(line, Buffer.from(memory().subarray(OUT, OUT + 64)).toString('hex'));
      } else {
        const want = right ? right.split(' ') : [];
        const have = want.length === 0 ? [] : want.length === 1 ? [result] : result;
        if (!want.every((w, i) => equals(w, have[i]))) fail(line, have);
      }
    } catch (error) {
      if (!verb.endsWith('trap')) fail(line, error);
      else if (!TRAPS[right].test(error.message)) fail(line, error.message);
    }
  } else if (verb === 'memory') {
    checks++;
    if (!matches(right, memory().subarray(Number(words[0])))) fail(line, 'memory differs');
  }
}
console.log(`${checks} checks, ${failures} failures`);
process.exit(failures ? 1 : 0);
