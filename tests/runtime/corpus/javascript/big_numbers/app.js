// Factorials and primes in BigInt, Fibonacci numbers as a stream.
const MOST = 2000n;

class Matrix {
  #cells;
  constructor(cells) {
    this.#cells = cells;
  }
  times(other) {
    const [a, b, c, d] = this.#cells;
    const [e, f, g, h] = other.#cells;
    return new Matrix([a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]);
  }
  power(n) {
    let [result, base] = [new Matrix([1n, 0n, 0n, 1n]), this];
    for (; n > 0n; n >>= 1n, base = base.times(base)) if (n & 1n) result = result.times(base);
    return result;
  }
  get fibonacci() {
    return this.#cells[1];
  }
}

function* fibonacci() {
  let [a, b] = [0n, 1n];
  for (;;) {
    yield a;
    [a, b] = [b, a + b];
  }
}

function powMod(base, exponent, modulus) {
  let result = 1n;
  for (base %= modulus; exponent > 0n; exponent >>= 1n, base = (base * base) % modulus) {
    if (exponent & 1n) result = (result * base) % modulus;
  }
  return result;
}

const isProbablePrime = (n) => n > 1n && [2n, 3n, 5n, 7n].every((a) => n === a || (n % a !== 0n && powMod(a, n - 1n, n) === 1n));

function parse(text) {
  if (!/^\d{1,400}$/.test(text)) throw new RangeError("a number, please");
  return BigInt(text);
}

const operations = {
  factorial(n) {
    if (n > MOST) throw new RangeError(`at most ${MOST}`);
    let product = 1n;
    for (let i = 2n; i <= n; i++) product *= i;
    return { digits: product.toString().length, tail: (product % 10n ** 30n).toString() };
  },
  prime: (n) => ({ prime: isProbablePrime(n), hex: n.toString(16) }),
  fibonacci: (n) => ({ value: new Matrix([1n, 1n, 1n, 0n]).power(n).fibonacci.toString() }),
};

export default {
  async fetch(request) {
    const [operation, argument = ""] = new URL(request.url).pathname.slice(1).split("/");
    try {
      const n = parse(argument);
      if (operation === "sequence") {
        const numbers = fibonacci();
        let left = Number(n);
        return new Response(new ReadableStream({
          pull(controller) {
            if (left-- > 0) controller.enqueue(new TextEncoder().encode(`${numbers.next().value}\n`));
            else controller.close();
          },
        }));
      }
      if (!Object.hasOwn(operations, operation)) return new Response("Not found", { status: 404 });
      return Response.json(operations[operation](n));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return Response.json({ error: error.message }, { status: 400 });
    }
  },
};
