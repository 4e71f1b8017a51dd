// Node's engine for differential.py: what engine.c says, for V8. Options are ignored but for the traps' resets.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const HASHED_BYTES = 4 << 20;
const KINDS = [
  [/unreachable/, 'unreachable'],
  [/memory access out of bounds|data segment .*out of bounds|segment .*does not fit/, 'memory'],
  [/table index|table access|element segment|table or element|table\.\w+/, 'table'],
  [/null function|function signature mismatch|null reference in call_indirect/, 'signature'],
  [/(divide|remainder) by zero/, 'zero'],
  [/unrepresentable/, 'unrepresentable'],
  [/null pointer/, 'null'],
  [/unaligned/, 'unaligned'],
  [/type incompatibility/, 'host'],
];

function kindOf(error) {
  if (error instanceof WebAssembly.Exception) return 'exception';
  if (error instanceof RangeError && /call stack/.test(error.message)) return 'stack';
  for (const [pattern, kind] of KINDS) if (pattern.test(error.message)) return kind;
  return `unknown ${error}`;
}

const view = new DataView(new ArrayBuffer(8));
const hex = n => n.toString(16);
const fromHex = text => Buffer.from(text, 'hex').toString('utf8');

function show(type, v) {
  switch (type) {
  case 'i': return ` i:${hex(v >>> 0)}`;
  case 'I': return ` I:${hex(BigInt.asUintN(64, v))}`;
  case 'f':
    view.setFloat32(0, v);
    return ` f:${Number.isNaN(v) ? '7fc00000' : hex(view.getUint32(0))}`;
  case 'F':
    view.setFloat64(0, v);
    return ` F:${Number.isNaN(v) ? '7ff8000000000000' : hex(view.getBigUint64(0))}`;
  default: return ` ${type}:${v === null ? 'null' : 'some'}`;
  }
}

function parse(text) {
  const digits = text.slice(2);
  view.setBigUint64(0, BigInt('0x' + digits.padStart(1, '0')));
  switch (text[0]) {
  case 'i': return view.getInt32(4);
  case 'I': return view.getBigInt64(0);
  case 'f': return view.getFloat32(4);
  case 'F': return view.getFloat64(0);
  default: return null;
  }
}

let out, instance, script;

function zero(type) {
  return type === 'I' ? 0n : 'rR'.includes(type) ? null : 0;
}

const log = type => v => { out.push('log' + show(type, v)); };
const support = {
  'log-i32': log('i'), 'log-i64': log('I'), 'log-f32': log('f'), 'log-f64': log('F'), 'log-v128': () => {},
  mix: (a, b) => {
    out.push(`log mix ${hex(a >>> 0)} ${hex(BigInt.asUintN(64, b))}`);
    return (Math.imul(a, 0x9e3779b1) ^ Number(BigInt.asUintN(64, b) >> 7n & 0xffffffffn)) | 0;
  },
  'call-export': index => {
    out.push('log call-export');
    if (!script.callables.length) return;
    const { name, types } = script.callables[(index >>> 0) % script.callables.length];
    instance.exports[name](...[...types].filter(t => t !== '-').map(zero));
  },
};

Object.assign(support, {
  dirty: v => v,
  back: (index, v) => instance.exports.__indirect_function_table.get(index)(v),
  grow: pages => {
    try {
      return instance.exports.memory.grow(pages >>> 0);
    } catch {
      return -1;
    }
  },
});

function hashMemory() {
  if (script.memory === undefined) return '';
  const buffer = instance.exports[script.memory].buffer;
  const n = Math.min(buffer.byteLength, HASHED_BYTES) / 4;
  const words = new Uint32Array(buffer, 0, n);
  const floats = [];
  let hash = 0x811c9dc5;
  const plain = (from, to) => {
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ words[i], 16777619);
  };
  let at = 0;
  for (const { from, to, width } of script.floats) {
    plain(at, Math.min(from / 4, n));
    for (at = from / 4; at < to / 4 && at < n; at++) {
      let w = words[at];
      if (width === 4) {
        if ((w & 0x7fffffff) > 0x7f800000) w = 0x7fc00000;
      } else {
        const low = words[at & ~1], high = words[at | 1], h = high & 0x7fffffff;
        if (h > 0x7ff00000 || (h === 0x7ff00000 && low !== 0)) w = at & 1 ? 0x7ff80000 : 0;
      }
      hash = Math.imul(hash ^ w, 16777619);
    }
  }
  plain(at, n);
  return ` memory ${buffer.byteLength / 65536}:${hex(hash >>> 0)}`;
}

function state() {
  return hashMemory() + script.globals.map(g => show(g.type, instance.exports[g.name].value)).join('');
}

function readScript(path) {
  script = { globals: [], callables: [], calls: [], floats: [] };
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [verb, ...words] = line.split(' ');
    if (verb === 'memory') script.memory = fromHex(words[0]);
    else if (verb === 'global') script.globals.push({ name: fromHex(words[0]), type: words[1] });
    else if (verb === 'callable') script.callables.push({ name: fromHex(words[0]), types: words[1] });
    else if (verb === 'floats') script.floats.push({ from: +words[0], to: +words[1], width: +words[2] });
    else if (verb === 'call')
      script.calls.push({ name: fromHex(words[0]), results: words[1].replace('-', ''), args: words.slice(2).map(parse) });
  }
}

function start(module) {
  try {
    instance = new WebAssembly.Instance(module, { 'fuzzing-support': support });
    return true;
  } catch (error) {
    out.push(error instanceof WebAssembly.LinkError ? `start failed ${error.message}` : `start trap ${kindOf(error)}`);
    return false;
  }
}

function call({ name, results, args }) {
  try {
    const value = instance.exports[name](...args);
    const values = results.length === 0 ? [] : results.length === 1 ? [value] : value;
    out.push('ok' + values.map((v, i) => show(results[i], v)).join('') + state());
    return true;
  } catch (error) {
    out.push(`trap ${kindOf(error)}` + state());
    return false;
  }
}

function run(modulePath, scriptPath) {
  let module;
  readScript(scriptPath);
  try {
    module = new WebAssembly.Module(readFileSync(modulePath));
  } catch (error) {
    out.push(`refused ${error.message}`);
    return;
  }
  if (!start(module)) return;
  for (const c of script.calls)
    if (!call(c) && !start(module)) return;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [modulePath, scriptPath] = line.split(' ');
  out = [];
  try {
    run(modulePath, scriptPath);
  } catch (error) {
    out.push(`broken ${error.stack}`);
  }
  out.push('end');
  process.stdout.write(out.join('\n') + '\n');
}
