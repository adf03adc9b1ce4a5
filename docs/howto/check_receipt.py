"""Check a receipt of an upheld ledger with nothing but Python: check_receipt.py RECEIPT.json KEY"""
import base64, hashlib, json, sys
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # edwards25519: the field, the order
D, I = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)
def need(true, why): return true or sys.exit("bad: " + why)
def raw(text): return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & set("-_") else None)
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def add(a, b):
    k = D * a[0] * b[0] * a[1] * b[1] % P
    return ((a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, P) % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P) % P)
def times(n, a): return (0, 1) if n == 0 else add(times(n - 1, a), a) if n & 1 else times(n >> 1, add(a, a))
def point(given):
    y = int.from_bytes(given, "little") % 2**255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * I % P
    need(y < P and x * x % P == square, "no point of the curve")
    return (x if x & 1 == given[31] >> 7 else P - x, y)
def signed(public, message, signature):
    s, h = int.from_bytes(signature[32:], "little"), hashlib.sha512(signature[:32] + public + message).digest()
    right = add(point(signature[:32]), times(int.from_bytes(h, "little") % Q, point(public)))
    return s < Q and times(s, point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))) == right
receipt, (origin, key_id, key) = json.load(open(sys.argv[1], encoding="utf-8")), sys.argv[2].split("+", 2)
leaf, body, n = json.loads(receipt["leaf"]), receipt["body"].encode(), receipt["n"]
need(sha(b"upheld/body/v1\n", raw(receipt["salt"]), body) == raw(leaf[6]), "the body is another one")
text, _, lines = receipt["checkpoint"].rpartition("\n\n")
name, size, root = text.split("\n")
line = next((one.split() for one in lines.splitlines() if raw(one.split()[2])[:4].hex() == key_id), None)
need(line and line[1] == name == origin and len(raw(line[2])) == 68, "the checkpoint is of another log")
need(signed(raw(key)[1:], text.encode() + b"\n", raw(line[2])[4:]), "the signature does not match")
hashed, at, last = sha(b"\0", receipt["leaf"].encode()), n, int(size) - 1
for step in map(raw, receipt["proof"]):
    left = at & 1 or at == last
    hashed = sha(b"\1", step, hashed) if left else sha(b"\1", hashed, step)
    while left and at and not at & 1: at, last = at >> 1, last >> 1
    at, last = at >> 1, last >> 1
need(0 <= n < int(size) and last == 0 and hashed == raw(root), "the entry is not in the log that was signed")
print(f"good: {leaf[2]} is entry {n} of {size} of {origin}")
