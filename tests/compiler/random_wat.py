"""Random functions over i32 locals with every control construct, and what they compute.

A function is made as a tree; the tree is printed in the text format and interpreted here, so that the compiler's SSA
construction (phis at loops and joins, dead code, branches with values) is checked against something simple."""

import random

MASK = 0xFFFFFFFF


class Branch(Exception):
    def __init__(self, depth, value=None):
        self.depth, self.value = depth, value


class Function:
    NLOCALS = 6
    FUEL = 6  # a counter local per loop nesting bounds the iterations

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.loops = 0
        self.body = self.block(0, [])

    # ---- Making ----------------------------------------------------------------------------------------
    def expression(self, depth=0):
        k = self.r.random()
        if depth > 2 or k < 0.4:
            return ("get", self.r.randrange(self.NLOCALS))
        if k < 0.55:
            return ("const", self.r.choice([0, 1, 2, 7, 0x7FFFFFFF, 0xFFFFFFFF, self.r.getrandbits(32)]))
        if k < 0.6:
            return ("select", self.expression(depth + 1), self.expression(depth + 1), self.expression(depth + 1))
        if k < 0.65:
            return ("tee", self.r.randrange(self.NLOCALS), self.expression(depth + 1))
        if k < 0.75:
            return ("load", self.expression(depth + 1), self.r.choice([0, 4, 8]))
        return (self.r.choice(["add", "sub", "xor", "mul", "lt_u", "eq"]), self.expression(depth + 1),
                self.expression(depth + 1))

    def block(self, depth, labels):
        return [self.statement(depth, labels) for _ in range(self.r.randrange(1, 5))]

    def statement(self, depth, labels):
        k = self.r.random()
        if depth > 4 or k < 0.35:
            return ("set", self.r.randrange(self.NLOCALS), self.expression())
        if k < 0.42:
            return ("store", self.expression(), self.expression(), self.r.choice([0, 4, 8]))
        if k < 0.52:
            return ("block", self.block(depth + 1, labels + ["block"]))
        if k < 0.6:
            return ("value", self.r.randrange(self.NLOCALS), self.block(depth + 1, labels + ["value"]), self.expression())
        if k < 0.72:
            other = self.block(depth + 1, labels + ["block"]) if self.r.random() < 0.6 else None
            return ("if", self.expression(), self.block(depth + 1, labels + ["block"]), other)
        if k < 0.82 and self.loops < self.FUEL:
            self.loops += 1
            counter = self.NLOCALS + self.loops - 1
            return ("loop", counter, self.r.randrange(1, 5), self.block(depth + 1, labels + ["loop"]))
        if not labels:
            return ("set", self.r.randrange(self.NLOCALS), self.expression())
        target = self.r.randrange(len(labels))
        kind = labels[-1 - target]
        if k < 0.93:
            return ("br_if", target, kind, self.expression(), self.expression())
        plain = [i for i in range(len(labels)) if labels[-1 - i] == "block"]
        if plain and k < 0.97:
            return ("br_table", [self.r.choice(plain) for _ in range(self.r.randrange(1, 4))], self.expression())
        return ("br", target, kind, self.expression()) if kind != "loop" else ("nop",)

    # ---- Text format -------------------------------------------------------------------------------------
    def text_expression(self, e):
        x = self.text_expression
        if e[0] == "get":
            return f"(local.get {e[1]})"
        if e[0] == "const":
            return f"(i32.const {e[1]})"
        if e[0] == "select":
            return f"(select {x(e[1])} {x(e[2])} {x(e[3])})"
        if e[0] == "tee":
            return f"(local.tee {e[1]} {x(e[2])})"
        if e[0] == "load":
            return f"(i32.load offset={e[2]} (i32.and {x(e[1])} (i32.const 0xff0)))"
        return f"(i32.{e[0]} {x(e[1])} {x(e[2])})"

    def text_statements(self, body):
        return "\n".join(self.text(s) for s in body)

    def text(self, s):
        x = self.text_expression
        kind = s[0]
        if kind == "nop":
            return "(nop)"
        if kind == "set":
            return f"(local.set {s[1]} {x(s[2])})"
        if kind == "store":
            return f"(i32.store offset={s[3]} (i32.and {x(s[1])} (i32.const 0xff0)) {x(s[2])})"
        if kind == "block":
            return f"(block {self.text_statements(s[1])})"
        if kind == "value":
            return f"(local.set {s[1]} (block (result i32) {self.text_statements(s[2])} {x(s[3])}))"
        if kind == "if":
            other = f"(else {self.text_statements(s[3])})" if s[3] is not None else ""
            return f"(if {x(s[1])} (then {self.text_statements(s[2])}) {other})"
        if kind == "loop":
            c = s[1]
            return (f"(local.set {c} (i32.const {s[2]})) (loop {self.text_statements(s[3])} (br_if 0 (local.tee {c} "
                    f"(i32.sub (local.get {c}) (i32.const 1)))))")
        if kind == "br":
            return f"(br {s[1]} {x(s[3])})" if s[2] == "value" else f"(br {s[1]})"
        if kind == "br_if":
            if s[2] == "value":
                return f"(drop (br_if {s[1]} {x(s[3])} {x(s[4])}))"
            if s[2] == "loop":  # bounded by nothing: never taken, but there
                return f"(br_if {s[1]} (i32.and {x(s[4])} (i32.const 0)))"
            return f"(br_if {s[1]} {x(s[4])})"
        return f"(br_table {' '.join(map(str, s[1]))} {x(s[2])})"

    def module_function(self, name):
        n = self.NLOCALS - 2
        mix = "(local.get 0)"
        for i in range(1, self.NLOCALS):
            mix = f"(i32.add (i32.mul {mix} (i32.const 31)) (local.get {i}))"
        locals_ = " ".join(["i32"] * (n + self.FUEL))
        return (f'(func (export "{name}") (param i32 i32) (result i32) (local {locals_})\n'
                f"{self.text_statements(self.body)}\n{mix})")

    # ---- Interpretation ------------------------------------------------------------------------------------
    def value(self, e):
        kind = e[0]
        if kind == "get":
            return self.locals[e[1]]
        if kind == "const":
            return e[1]
        if kind == "select":
            a, b, c = self.value(e[1]), self.value(e[2]), self.value(e[3])
            return a if c else b
        if kind == "tee":
            v = self.value(e[2])
            self.locals[e[1]] = v
            return v
        if kind == "load":
            return self.memory.get((self.value(e[1]) & 0xFF0) + e[2], 0)
        a, b = self.value(e[1]), self.value(e[2])
        return {"add": a + b, "sub": a - b, "xor": a ^ b, "mul": a * b, "lt_u": int(a < b),
                "eq": int(a == b)}[kind] & MASK

    def run_block(self, body):
        """The value that a branch to the block's label brings, or None if it ends by itself."""
        try:
            for s in body:
                self.step(s)
        except Branch as b:
            if b.depth:
                raise Branch(b.depth - 1, b.value)
            return b
        return None

    def step(self, s):
        kind = s[0]
        if kind == "set":
            self.locals[s[1]] = self.value(s[2])
        elif kind == "store":
            address = (self.value(s[1]) & 0xFF0) + s[3]
            self.memory[address] = self.value(s[2])
        elif kind == "block":
            self.run_block(s[1])
        elif kind == "value":
            b = self.run_block(s[2])
            self.locals[s[1]] = b.value if b else self.value(s[3])
        elif kind == "if":
            self.run_block(s[2] if self.value(s[1]) else s[3] or [])
        elif kind == "loop":
            self.locals[s[1]] = s[2]
            while True:
                self.run_block(s[3])
                self.locals[s[1]] = (self.locals[s[1]] - 1) & MASK
                if not self.locals[s[1]]:
                    return
        elif kind == "br":
            raise Branch(s[1], self.value(s[3]) if s[2] == "value" else None)
        elif kind == "br_if":
            if s[2] == "value":
                v = self.value(s[3])
                if self.value(s[4]):
                    raise Branch(s[1], v)
            elif self.value(s[4]) and s[2] != "loop":
                raise Branch(s[1])
        elif kind == "br_table":
            i = self.value(s[2])
            raise Branch(s[1][min(i, len(s[1]) - 1)])

    def run(self, a, b):
        self.locals = [a, b] + [0] * (self.NLOCALS - 2 + self.FUEL)
        self.memory = {}
        for s in self.body:
            self.step(s)
        mix = self.locals[0]
        for i in range(1, self.NLOCALS):
            mix = (mix * 31 + self.locals[i]) & MASK
        return mix
