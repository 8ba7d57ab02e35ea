"""Checks the Swift JSON reader and writer against Python's json, in both directions.

    interop/test json
    python interop/checks/json_oracle.py [--seed N] [--documents N] [--hostile N]

Python generates documents, well-formed and hostile, and notes what its json makes of each; the Swift test suite
JSONOracle must accept exactly the same ones and write back exactly what Python writes. The same suite then writes
documents of its own, with the repr it expects of each, and Python judges those. If Celery can be imported, its
saferepr is compared as well.

Deliberate differences, which the expected outcomes contain: a document nested deeper than 512 levels is refused
(Python stops near 1000, depending on its stack).

Prints the seed and one closing line; exits 1 on any difference.
"""
import argparse
import base64
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

MAXIMUM_DEPTH = 512
KEYS = ['id', 'task', 'args', 'kwargs', 'content-encoding', 'replaced_task_nesting', '', '__type__', '__value__', 'ü']
RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0xFF), (0x100, 0x24F), (0x370, 0x3FF), (0x4E00, 0x9FFF),
          (0xD800, 0xDFFF), (0xE000, 0xE0FF), (0xFFF0, 0xFFFF), (0x1F300, 0x1F5FF), (0x10D800, 0x10DFFF),
          (0x10FFFE, 0x10FFFF)]


class Generator:
    """Random values and documents."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        kind = self.random.random()
        if kind < 0.3:
            return self.random.choice(KEYS)
        if kind < 0.6:
            return ''.join(self.random.choices('abcdefghij-_. \'"\\/', k=self.random.randrange(40)))
        return ''.join(chr(self.random.randint(*self.random.choice(RANGES))) for _ in range(self.random.randrange(20)))

    def integer(self):
        kind = self.random.random()
        if kind < 0.5:
            return self.random.randrange(-1000, 1000)
        if kind < 0.8:
            edge = self.random.choice([2 ** 31, 2 ** 53, 2 ** 63, 2 ** 64, 10 ** 18, 10 ** 19, 10 ** 15])
            return self.random.choice([1, -1]) * (edge + self.random.randrange(-3, 4))
        return self.random.getrandbits(self.random.randrange(1, 300)) * self.random.choice([1, -1])

    def double(self):
        kind = self.random.random()
        if kind < 0.2:
            return struct.unpack('<d', self.random.randbytes(8))[0]
        if kind < 0.4:
            return self.random.choice([0.0, -0.0, 1e16, 1e15, 9999999999999998.0, 1e-4, 9.999e-5, 1e22, 1e23, 5e-324,
                                       1.7976931348623157e308, 2.2250738585072014e-308, float('inf'), float('-inf'),
                                       float('nan'), 0.1, 123456789012345680.0, 2.0 ** 53, 2.0 ** 54 + 4])
        if kind < 0.7:
            return round(self.random.uniform(-1e6, 1e6), self.random.randrange(8))
        return self.random.uniform(-1, 1) * 10.0 ** self.random.randrange(-30, 30)

    def value(self, depth=0):
        kind = self.random.random()
        if depth < 5 and kind < (0.9 if depth == 0 else 0.35):
            count = self.random.randrange(6) if self.random.random() < 0.99 else self.random.randrange(200)
            if self.random.random() < 0.5:
                return [self.value(depth + 1) for _ in range(count)]
            return {self.text(): self.value(depth + 1) for _ in range(count)}
        return self.random.choice([self.text, self.text, self.integer, self.double,
                                   lambda: self.random.choice([None, True, False])])()

    def number_text(self):
        digits = ''.join(self.random.choices('0123456789', k=self.random.choice([1, 3, 10, 17, 18, 19, 20, 25, 60])))
        text = self.random.choice(['', '-']) + (digits.lstrip('0') or '0')
        if self.random.random() < 0.5:
            text += '.' + ''.join(self.random.choices('0123456789', k=self.random.choice([1, 2, 6, 17, 30])))
        if self.random.random() < 0.5:
            text += self.random.choice('eE') + self.random.choice(['', '+', '-'])
            text += str(self.random.choice([0, 1, 5, 15, 22, 23, 40, 300, 307, 308, 320, 400, 99999, 10 ** 20]))
        return text

    def document(self):
        """A well-formed document, as some sender might format it."""
        kind = self.random.random()
        if kind < 0.1:
            return '[{}]'.format(', '.join(self.number_text() for _ in range(self.random.randrange(1, 6)))).encode()
        value = self.value()
        if kind < 0.15 and isinstance(value, dict):
            # Keys that stand twice: the last value counts, at the place of the first.
            inner = json.dumps(value)[1:-1]
            more = ', '.join('{}: {}'.format(json.dumps(key), self.random.randrange(9))
                             for key in self.random.choices(list(value) + KEYS, k=5))
            return ('{' + (inner + ', ' if inner else '') + more + '}').encode()
        if kind < 0.3:
            return json.dumps(value, ensure_ascii=False).encode('utf-8', 'replace')
        if kind < 0.4:
            return json.dumps(value, indent=self.random.choice(['', ' ', '\t', '\r\n'])).encode()
        if kind < 0.5:
            return json.dumps(value, separators=(',', ':')).encode()
        return json.dumps(value).encode()

    def hostile(self):
        """Something that may be wrong in any way."""
        kind = self.random.random()
        if kind < 0.1:
            return self.random.choice(HOSTILE)
        if kind < 0.13:
            depth = self.random.choice([10, 500, 511, 512, 513, 600, 900])
            opening = self.random.choice([b'[', b'{"a":', b' [ ', b'[1,{"b":'])
            count = depth // max(1, opening.count(b'[') + opening.count(b'{'))
            closing = b''.join({0x5B: b']', 0x7B: b'}'}.get(byte, b'') for byte in reversed(opening))
            return opening * count + b'1' + closing * (count - self.random.choice([0, 0, 0, 1]))
        data = bytearray(self.document()[:2000])
        for _ in range(self.random.randrange(1, 4)):
            change = self.random.random()
            place = self.random.randrange(len(data) + 1)
            if change < 0.2:
                del data[place:]
            elif change < 0.4:
                data[place:place + 1] = bytes([self.random.randrange(256)])
            elif change < 0.6:
                data[place:place] = self.random.choice(PIECES)
            elif change < 0.8:
                data[place:place] = bytes([self.random.choice(b'"\\{}[],:0123456789.eE+-utfn \t\n')])
            else:
                del data[place:place + self.random.randrange(1, 4)]
        return bytes(data)


PIECES = [b'\\u', b'\\ud800', b'\\udc00', b'\\ud83d\\ude00', b'\\u00', b'\\x', b'\xff', b'\xc0\x80', b'\xed\xa0\x80',
          b'\xf4\x90\x80\x80', b'\xe2\x82', b'\xc3\xa9', b'\xef\xbb\xbf', b'NaN', b'Infinity', b'-Infinity', b'null',
          b'true', b'//', b'/**/', b"'", b'\x00', b'\x0b', b'\x0c', b'\xc2\xa0', b'\xe2\x80\xa8', b',]', b',}', b'[]',
          b'{}', b'""', b'1e', b'0x1', b'01', b'+1', b'.5', b'5.', b'1_0', b'-', b'--1', b'1e999', b'1e-999']
HOSTILE = [b'', b' ', b'\t\n\r ', b'\xef\xbb\xbf1', b'\xff\xfe1\x00', b'\x00', b'1 2', b'[1,]', b'{"a":1,}', b'{,}',
           b'[,1]', b'{"a"}', b'{"a":}', b'{1:2}', b"{'a':1}", b'{a:1}', b'[1 2]', b'{"a":1 "b":2}', b'nul', b'True',
           b'None', b'nan', b'-NaN', b'+Infinity', b'infinity', b'-Inf', b'- 1', b'-', b'--1', b'+1', b'01', b'-01',
           b'00', b'1.', b'.1', b'1.e1', b'1e', b'1e+', b'1E-', b'0e0', b'-0', b'-0.0', b'0e-5', b'0.0e400', b'1e400',
           b'-1e400', b'1e-400', b'0x10', b'1_000', b'1,000', b'"', b'"\\', b'"\\u', b'"\\u1', b'"\\u12', b'"\\u123',
           b'"\\u123"', b'"\\u123g"', b'"\\u 123"', b'"\\u+123"', b'"\\u1_23"', b'"\\U0001F600"', b'"\\a"', b'"\\0"',
           b'"\\\'"', b'"\\u0000"', b'"\x00"', b'"\x1f"', b'"\x7f"', b'"\t"', b'"\n"', b'"\\ud800"', b'"\\udfff"',
           b'"\\ud800\\ud800\\udc00"', b'"\\udc00\\ud800"', b'"\\ud800x"', b'"\\ud800\\n"', b'"\\ud800\\u0041"',
           b'"\\ud800\\u"', b'"\\ud800\\udc0"', b'{"\\ud800":1,"\\ud801":2,"\\ud800":3}',
           '{"\U0010ffff\U0010d800":1,"\\ud800":2}'.encode(), '{"é":1,"e\u0301":2,"\\u00e9":3}'.encode(),
           '{"\u212b":1,"\u00c5":2}'.encode(), b'"\xed\xa0\x80"', b'"\xed\xb0\x80"', b'"\xc0\xaf"', b'"\xe0\x80\xaf"',
           b'"\xf0\x80\x80\xaf"', b'"\xf4\x90\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\xc3"', b'"\xe2\x82"',
           b'"\xf0\x9f\x98"', b'"\x80"', b'"\xff"', b'"a\xc3', b'1' * 4300, b'1' * 4301, b'-' + b'1' * 4300,
           b'-' + b'1' * 4301, b'1' * 5000 + b'.5', b'0.' + b'1' * 5000, b'1' * 5000 + b'e-5000', b'[' * 100000,
           b'{"a":' * 100000, b']', b'}', b'[}', b'{]', b'[[]', b'[]]', b'{"a":1}}', b'// x\n1', b'/* */1', b'1//',
           b'\x0b1', b'\x0c1', b'\xc2\xa01', b'\xe2\x80\xa81', b'1\x00', b'"a" "b"', b'"a"b', b'[1]x', b'nullx',
           b'null null', b'tru', b'truE', b'fals', b'N', b'Na', b'I', b'Infinit', b'-I', b'-Infinit', b'[NaN,]']


def depth(value):
    """The nesting of a value, without recursion."""
    deepest = 0
    stack = [(value, 1)]
    while stack:
        value, level = stack.pop()
        if isinstance(value, (list, dict)):
            deepest = max(deepest, level)
            stack.extend((inner, level + 1) for inner in (value.values() if isinstance(value, dict) else value))
    return deepest


def outcome(document):
    """What Python writes after reading the document, or None if it refuses it."""
    try:
        value = json.loads(document.decode('utf-8'))
    except (ValueError, RecursionError):
        return None
    if depth(value) > MAXIMUM_DEPTH:
        return None
    return json.dumps(value).encode()


def unspell(match):
    """The lone surrogate, or U+10FFFF itself, that Swift has spelled."""
    return match[1] if match[1] == '\U0010ffff' else chr(ord(match[1]) - 0x10_0000)


def judge(directory):
    """Looks at what Swift wrote; yields one line per difference, then the number of documents."""
    try:
        from celery.utils.saferepr import saferepr
    except ImportError:
        saferepr = None
    count = 0
    with open(os.path.join(directory, 'swift.txt')) as lines:
        for line in lines:
            document, text, safe = (base64.b64decode(field) for field in line.rstrip('\n').split('\t'))
            count += 1
            try:
                value = json.loads(document.decode('utf-8'))
            except ValueError as error:
                yield f'Swift wrote what Python cannot read: {document!r}: {error}'
                continue
            if json.dumps(value).encode() != document:
                yield f'Python writes it differently: {document!r}'
            if repr(value).encode('utf-8', 'backslashreplace') != text:
                yield f'repr differs: {document!r}: {text!r}'
            if saferepr:
                # Swift's strings cannot hold lone surrogates: JSONKey.swift says how they are spelled.
                unspelled = re.sub('\U0010ffff(.)', unspell, safe.decode(), flags=re.S)
                if saferepr(tuple(value), 200) != unspelled:
                    yield f'saferepr differs: {document!r}: {safe!r}'
    yield count, saferepr is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(2 ** 32))
    parser.add_argument('--documents', type=int, default=100_000)
    parser.add_argument('--hostile', type=int, default=10_000)
    parser.add_argument('--events', help='where Swift Testing writes its event stream')
    options = parser.parse_args()
    sys.setrecursionlimit(10_000)
    print(f'seed {options.seed}', flush=True)
    generator = Generator(options.seed)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

    with tempfile.TemporaryDirectory(prefix='json-oracle-') as directory:
        refused = 0
        with open(os.path.join(directory, 'python.txt'), 'w') as output:
            documents = [generator.document() for _ in range(options.documents)] + HOSTILE
            documents += [generator.hostile() for _ in range(options.hostile)]
            for document in documents:
                expected = outcome(document)
                refused += expected is None
                fields = [document, expected] if expected is not None else [document]
                output.write('\t'.join(base64.b64encode(field).decode() for field in fields) + '\n')
        with open(os.path.join(directory, 'order.txt'), 'w') as output:
            output.write(f'{options.seed}\n{options.documents}\n')

        print(f'{len(documents)} documents written, {refused} of them bad; Swift reads them', flush=True)
        environment = dict(os.environ, SWIFT_CELERY_ORACLE=directory)
        command = ['swift', 'test', '--disable-xctest', '--filter', 'JSONOracle']
        if options.events:
            command += ['--event-stream-output-path', options.events, '--event-stream-version', '0']
        swift = subprocess.run(command, cwd=root, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if swift.returncode != 0 or not os.path.exists(os.path.join(directory, 'swift.txt')):
            print(swift.stdout[-20_000:])
            print(f'json-oracle: Swift disagrees or did not run (seed {options.seed})')
            return 1

        *differences, (count, has_celery) = judge(directory)
    for difference in differences[:20]:
        print(difference[:2000])
    if differences:
        print(f'json-oracle: {len(differences)} of {count} Swift documents differ (seed {options.seed})')
        return 1
    celery = 'saferepr compared' if has_celery else 'saferepr not compared: Celery is not installed'
    print(f'json-oracle: {options.documents} documents and {len(documents) - options.documents} hostile ones read alike '
          f'({refused} refused by both), {count} written by Swift read alike; {celery}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
