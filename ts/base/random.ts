/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3" (SC 2011). A draw depends only on (seed, stream, position), so a run that is resumed
 * or replayed draws what an uninterrupted one draws: saving {@link Philox.position} is enough.
 */
export class Philox {
  private readonly block = new Uint32Array(4);
  private loaded = -1;

  /**
   * @param seed integer in 0..2^32-1
   * @param stream separates independent uses of one seed (0..2^32-1)
   * @param position how many 32-bit words were drawn before
   */
  constructor(
    readonly seed: number,
    readonly stream = 0,
    public position = 0,
  ) {}

  /** The next 32 random bits. */
  uint32(): number {
    const index = Math.floor(this.position / 4);
    if (index !== this.loaded) {
      philox4x32(this.seed, this.stream, index, this.block);
      this.loaded = index;
    }
    return this.block[this.position++ % 4]!;
  }

  /** Uniform in [0, 1), 24 bits, exact in float32. */
  uniform(): number {
    return (this.uint32() >>> 8) / 0x1000000;
  }

  /** Uniform integer in 0..n-1, without modulo bias. */
  integer(n: number): number {
    const limit = 0x100000000 - (0x100000000 % n);
    for (;;) {
      const bits = this.uint32();
      if (bits < limit) return bits % n;
    }
  }

  /** Standard normal by Box-Muller; always takes two words. */
  normal(): number {
    const u = (this.uint32() + 0.5) / 0x100000000;
    const v = this.uint32() / 0x100000000;
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  }

  /** Fisher-Yates, in place. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = items[i];
      items[i] = items[j];
      items[j] = kept;
    }
    return items;
  }
}

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High and low halves of a 32 x 32 bit product. */
function multiply(a: number, b: number): [number, number] {
  const low = Math.imul(a, b) >>> 0;
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const cross = (middle & 0xffff) + a0 * b1;
  return [(a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0, low];
}

function philox4x32(seed: number, stream: number, index: number, out: Uint32Array): void {
  let c0 = index >>> 0;
  let c1 = Math.floor(index / 0x100000000) >>> 0;
  let c2 = 0;
  let c3 = 0;
  let k0 = seed >>> 0;
  let k1 = stream >>> 0;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(M0, c0);
    const [high1, low1] = multiply(M1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}
