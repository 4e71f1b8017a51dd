"""Random modules that throw and catch, and what they compute.

A function is made as a tree, printed in the older or in the standard form of exception handling, and interpreted
here. It has locals that handlers read, accesses of memory around them, calls of other functions that may throw, and
every way out of a body and a handler: falling off, branches, throws, rethrows, and in the older form delegates."""

import random

MASK = 0xFFFFFFFF
NTAGS = 3  # each carries one i32
NLOCALS = 5
UNCAUGHT = 0xDEAD


class TooLong(Exception):
    """Loops multiply: the function runs longer than it is worth."""


class Branch(Exception):
    def __init__(self, label):
        self.label = label


class Throw(Exception):
    def __init__(self, tag, value, until=None):
        self.tag, self.value, self.until = tag, value, until


class Function:
    def __init__(self, r, index, older):
        self.r, self.index, self.older = r, index, older
        self.counters = self.tries = self.labels = 0
        self.body = self.block(0, [])

    # ---- Making --------------------------------------------------------------------------------------------
    def expression(self, depth=0):
        r, k = self.r, self.r.random()
        if depth > 2 or k < 0.4:
            return ("get", r.randrange(NLOCALS))
        if k < 0.6:
            return ("const", r.choice([0, 1, 2, 7, 0xFFFFFFFF, r.getrandbits(32)]))
        if k < 0.7:
            return ("load", self.expression(depth + 1), r.choice([0, 4, 8]))
        if k < 0.75:
            return ("global",)
        return (r.choice(["add", "sub", "xor", "mul", "lt_u", "eq"]), self.expression(depth + 1),
                self.expression(depth + 1))

    def block(self, depth, labels):
        """`labels`: (name, kind) of the constructs around; kind is "loop", "handler" or anything else."""
        return [self.statement(depth, labels) for _ in range(self.r.randrange(1, 5))]

    def new_label(self):
        self.labels += 1
        return f"$L{self.labels}"

    def local(self):
        return self.r.randrange(NLOCALS)

    def statement(self, depth, labels):
        r, k, label = self.r, self.r.random(), self.new_label()
        inner = labels + [(label, "block")]
        if depth > 5 or k < 0.22:
            return ("set", self.local(), self.expression())
        if k < 0.28:
            return ("store", self.expression(), self.expression(), r.choice([0, 4, 8]))
        if k < 0.31:
            return ("set_global", self.expression())
        if k < 0.36:
            return ("block", label, self.block(depth + 1, inner))
        if k < 0.44:
            other = self.block(depth + 1, inner) if r.random() < 0.5 else []
            return ("if", label, self.expression(), self.block(depth + 1, inner), other)
        if k < 0.5 and self.counters < 4:
            self.counters += 1
            counter = self.counters - 1
            return ("loop", label, counter, r.randrange(1, 4), self.block(depth + 1, labels + [(label, "loop")]))
        if k < 0.72:
            return self.make_try(depth, labels, label)
        if k < 0.82 and self.index:
            return ("call", self.local(), r.randrange(self.index), self.expression(), self.expression())
        if k < 0.88:
            return ("if", label, self.expression(), [("throw", r.randrange(NTAGS), self.expression())], [])
        handlers = [name for name, kind in labels if kind == "handler"]
        if handlers and k < 0.94:
            return ("if", label, self.expression(), [("rethrow", r.choice(handlers))], [])
        targets = [name for name, kind in labels if kind != "loop"]
        if targets:
            return ("br_if", r.choice(targets), self.expression())
        return ("set", self.local(), self.expression())

    def make_try(self, depth, labels, label):
        r = self.r
        body = self.block(depth + 1, labels + [(label, "try")])
        if self.older and r.random() < 0.2:
            target = r.choice([name for name, _ in labels] + ["function"])
            return ("delegate", label, body, target, len(labels))
        inner = labels + [(label, "handler")]
        self.tries += 1
        handlers = [(r.randrange(NTAGS), self.local(), self.block(depth + 1, inner)) for _ in range(r.randrange(3))]
        everything = self.block(depth + 1, inner) if r.random() < 0.5 else None
        return ("try", label, self.tries - 1, body, handlers, everything)

    # ---- Text format ---------------------------------------------------------------------------------------
    def text_expression(self, e):
        x = self.text_expression
        if e[0] == "get":
            return f"(local.get {e[1]})"
        if e[0] == "const":
            return f"(i32.const {e[1]})"
        if e[0] == "load":
            return f"(i32.load offset={e[2]} (i32.and {x(e[1])} (i32.const 0xff0)))"
        if e[0] == "global":
            return "(global.get 0)"
        return f"(i32.{e[0]} {x(e[1])} {x(e[2])})"

    def text_block(self, body):
        return "\n".join(map(self.text, body))

    def text(self, s):
        x, b = self.text_expression, self.text_block
        kind = s[0]
        if kind == "set":
            return f"(local.set {s[1]} {x(s[2])})"
        if kind == "store":
            return f"(i32.store offset={s[3]} (i32.and {x(s[1])} (i32.const 0xff0)) {x(s[2])})"
        if kind == "set_global":
            return f"(global.set 0 {x(s[1])})"
        if kind == "block":
            return f"(block {s[1]} {b(s[2])})"
        if kind == "if":
            return f"(if {s[1]} {x(s[2])} (then {b(s[3])}) (else {b(s[4])}))"
        if kind == "loop":
            c = NLOCALS + s[2]
            return (f"(local.set {c} (i32.const {s[3]})) (loop {s[1]} {b(s[4])} (br_if {s[1]} (local.tee {c} (i32.sub "
                    f"(local.get {c}) (i32.const 1)))))")
        if kind == "call":
            return f"(local.set {s[1]} (call $f{s[2]} {x(s[3])} {x(s[4])}))"
        if kind == "throw":
            return f"(throw {s[1]} {x(s[2])})"
        if kind == "br_if":
            return f"(br_if {s[1]} {x(s[2])})"
        if kind == "rethrow":
            return f"(rethrow {s[1]})" if self.older else f"(throw_ref (local.get $x{s[1][1:]}))"
        if kind == "delegate":
            return f"(try {s[1]} (do {b(s[2])}) (delegate {s[4] if s[3] == 'function' else s[3]}))"
        return self.text_older(s) if self.older else self.text_standard(s)

    def text_older(self, s):
        _, label, _, body, handlers, everything = s
        clauses = " ".join(f"(catch {tag} (local.set {local}) {self.text_block(h)})" for tag, local, h in handlers)
        if everything is not None:
            clauses += f" (catch_all {self.text_block(everything)})"
        return f"(try {label} (do {self.text_block(body)}) {clauses})"

    def text_standard(self, s):
        """A block for each handler, the last one innermost; `label` is the block around all. References are kept."""
        _, label, _, body, handlers, everything = s
        clauses = " ".join(f"(catch_ref {tag} {label}_{i})" for i, (tag, _, _) in enumerate(handlers))
        if everything is not None:
            clauses += f" (catch_all_ref {label}_all)"
        text = f"(try_table {clauses} {self.text_block(body)}) (br {label})"
        keep = f"(local.set $x{label[1:]})"
        if everything is not None:
            text = f"(block {label}_all (result exnref) {text}) {keep} {self.text_block(everything)} (br {label})"
        for i, (_, local, handler) in enumerate(handlers):
            text = (f"(block {label}_{i} (result i32 exnref) {text}) {keep} (local.set {local}) "
                    f"{self.text_block(handler)} (br {label})")
        return f"(block {label} {text})"

    def text_function(self):
        n = NLOCALS - 2 + 4
        refs = "" if self.older else " ".join(f"(local $xL{i + 1} exnref)" for i in range(self.labels))
        mix = "(local.get 0)"
        for i in range(1, NLOCALS):
            mix = f"(i32.add (i32.mul {mix} (i32.const 31)) (local.get {i}))"
        return (f'(func $f{self.index} (param i32 i32) (result i32) (local {"i32 " * n}) {refs}\n'
                f"{self.text_block(self.body)}\n{mix})")


class Run:
    """Interprets a function and those that it calls."""

    def __init__(self, functions, state):
        self.functions, self.state = functions, state

    def call(self, index, a, b):
        function = self.functions[index]
        self_locals = [a, b] + [0] * (NLOCALS - 2)
        frame = Frame(self, self_locals)
        try:
            frame.block(function.body)
        except Throw as thrown:
            thrown.until = None
            raise
        mix = self_locals[0]
        for i in range(1, NLOCALS):
            mix = (mix * 31 + self_locals[i]) & MASK
        return mix


class Frame:
    def __init__(self, run, locals_):
        self.run, self.locals, self.caught = run, locals_, {}

    def value(self, e):
        kind, state = e[0], self.run.state
        if kind == "get":
            return self.locals[e[1]]
        if kind == "const":
            return e[1]
        if kind == "global":
            return state["global"]
        if kind == "load":
            return state["memory"].get((self.value(e[1]) & 0xFF0) + e[2], 0)
        a, b = self.value(e[1]), self.value(e[2])
        return {"add": a + b, "sub": a - b, "xor": a ^ b, "mul": a * b, "lt_u": int(a < b),
                "eq": int(a == b)}[kind] & MASK

    def block(self, body):
        for s in body:
            self.step(s)

    def labelled(self, label, body):
        try:
            self.block(body)
        except Branch as branch:
            if branch.label != label:
                raise
        except Throw as thrown:
            if thrown.until == label:
                thrown.until = None
            raise

    def step(self, s):
        state = self.run.state
        state["steps"] += 1
        if state["steps"] > state["limit"]:
            raise TooLong
        kind = s[0]
        if kind == "set":
            self.locals[s[1]] = self.value(s[2])
        elif kind == "store":
            address = (self.value(s[1]) & 0xFF0) + s[3]
            state["memory"][address] = self.value(s[2])
        elif kind == "set_global":
            state["global"] = self.value(s[1])
        elif kind == "block":
            self.labelled(s[1], s[2])
        elif kind == "if":
            self.labelled(s[1], s[3] if self.value(s[2]) else s[4])
        elif kind == "loop":
            for _ in range(s[3]):
                self.labelled(s[1], s[4])
        elif kind == "call":
            a, b = self.value(s[3]), self.value(s[4])
            self.locals[s[1]] = self.run.call(s[2], a, b)
        elif kind == "throw":
            raise Throw(s[1], self.value(s[2]))
        elif kind == "br_if":
            if self.value(s[2]):
                raise Branch(s[1])
        elif kind == "rethrow":
            thrown = self.caught[s[1]]
            raise Throw(thrown.tag, thrown.value)
        elif kind == "delegate":
            self.delegate(s)
        else:
            self.run_try(s)

    def delegate(self, s):
        try:
            self.labelled(s[1], s[2])
        except Throw as thrown:
            if thrown.until is None:
                thrown.until = s[3]
            raise

    def run_try(self, s):
        _, label, _, body, handlers, everything = s
        try:
            self.block(body)
            return
        except Branch as branch:
            if branch.label != label:
                raise
            return
        except Throw as caught:
            if caught.until == label:
                caught.until = None
            if caught.until is not None:
                raise
            thrown = caught
        self.caught[label] = thrown
        for tag, local, handler in handlers:
            if tag == thrown.tag:
                self.locals[local] = thrown.value
                self.labelled(label, handler)
                return
        if everything is None:
            raise Throw(thrown.tag, thrown.value)
        self.labelled(label, everything)


def make(seed, older, count=12, limit=4000):
    """Text of a module that exports `mix`, and what it returns."""
    r = random.Random(seed)
    functions, state = [], {"memory": {}, "global": 0, "steps": 0, "limit": limit}
    result = 0
    while len(functions) < count:
        function = Function(r, len(functions), older)
        trial = {**state, "memory": dict(state["memory"]), "steps": 0}
        try:
            value = Run(functions + [function], trial).call(function.index, result, 77)
        except TooLong:
            continue
        except Throw:
            value = UNCAUGHT
        functions.append(function)
        state = trial
        result = (result * 33 + value) & MASK
    if older:
        guarded = "(try (result i32) (do (call $f{0} (local.get 0) (i32.const 77))) (catch_all (i32.const {1})))"
    else:
        guarded = ("(block $done{0} (result i32) (block $none{0} (try_table (catch_all $none{0}) "
                   "(br $done{0} (call $f{0} (local.get 0) (i32.const 77))))) (i32.const {1}))")
    calls = "\n".join("(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 33)) " + guarded.format(i, UNCAUGHT) + "))"
                      for i in range(count))
    tags = "(tag (param i32))" * NTAGS
    return (f"(module (memory 1) {tags} (global (mut i32) (i32.const 0))\n"
            + "\n".join(f.text_function() for f in functions)
            + f'\n(func (export "mix") (result i32) (local i32) {calls} (local.get 0)))', result)
