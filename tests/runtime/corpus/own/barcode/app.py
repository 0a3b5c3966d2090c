from genapps import Response, app, BadRequest

L = "0001101 0011001 0010011 0111101 0100011 0110001 0101111 0111011 0110111 0001011".split()
PARITY = "LLLLLL LLGLGG LLGGLG LLGGGL LGLLGG LGGLLG LGGGLL LGLGLG LGLGGL LGGLGL".split()


def complement(bits):
    return bits.translate(str.maketrans("01", "10"))


def check_digit(digits):
    return -sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10


def ean13(code):
    left = "".join(
        L[int(d)] if p == "L" else complement(L[int(d)])[::-1] for d, p in zip(code[1:7], PARITY[int(code[0])])
    )
    right = "".join(complement(L[int(d)]) for d in code[7:])
    return f"101{left}01010{right}101"


def normalised(code):
    if not code.isdecimal() or len(code) not in (12, 13):
        raise BadRequest("12 or 13 digits, please")
    if len(code) == 13 and check_digit(code[:12]) != int(code[12]):
        raise BadRequest(f"wrong check digit, should be {check_digit(code[:12])}")
    return code[:12] + str(check_digit(code[:12]))


@app.get("/{code}.txt")
def text(request, code):
    return "".join("█" if bit == "1" else " " for bit in ean13(normalised(code)))


@app.get("/{code}.svg")
def svg(request, code):
    code = normalised(code)
    bars = "".join(f'<rect x="{x}" width="1" height="50"/>' for x, bit in enumerate(ean13(code)) if bit == "1")
    return Response(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 95 60">{bars}<text y="59">{code}</text></svg>',
        headers={"Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400"},
    )
