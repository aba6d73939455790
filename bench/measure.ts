import type { Precision } from '../ts/backend/binding.js';

/** One contestant of a comparison. */
export interface Contestant {
  readonly name: string;
  /**
   * Runs once; what it makes, it frees. A number, or a promise of one, is the time by a clock of its
   * own, in milliseconds.
   */
  run(): unknown;
  /** Before each turn of this contestant, untimed: e.g. to make its engine the current one. */
  enter?(): void | Promise<void>;
  /** Frees what it holds; called once, at the end. */
  dispose?(): void | Promise<void>;
  /** Runs before any counts. Default 1. */
  readonly warmUps?: number;
  /** Milliseconds: where its first run takes longer, that run counts and is the only one. */
  readonly onceOver?: number;
  /** Floating-point operations of a run, as flops.ts counts them. */
  readonly flops?: number;
  /** What products round their factors to. Default float32. */
  readonly precision?: Precision;
}

export interface Timing {
  readonly name: string;
  /** Milliseconds a run: the middle one of all. */
  readonly median: number;
  /** First and third quartile. */
  readonly low: number;
  readonly high: number;
  /** The fastest run. */
  readonly least: number;
  readonly runs: number;
  readonly flops?: number;
  readonly precision?: Precision;
  /** The most memory that a process held which did nothing else. */
  readonly peakMiB?: number;
}

export interface MeasureOptions {
  /** Rounds of turns. */
  rounds?: number;
  /** A turn goes on for as long as this, in milliseconds, and at least one run. */
  turnMs?: number;
}

/**
 * Times contestants in turns, so that whatever slows the machine meets all of them: every round
 * gives each one turn, in an order that rotates. The first run of a turn is not counted, since its
 * caches are still the others', unless it takes longer than a whole turn.
 */
export async function measure(
  contestants: readonly Contestant[],
  { rounds = 5, turnMs = 1000 }: MeasureOptions = {},
): Promise<Timing[]> {
  const times = contestants.map((): number[] => []);
  // Everything is compiled, and every pool filled, before a run counts.
  const done = new Set<Contestant>();
  for (const [i, contestant] of contestants.entries()) {
    const { warmUps = 1, onceOver = Infinity } = contestant;
    await contestant.enter?.();
    for (let run = 0; run < warmUps && !done.has(contestant); run++) {
      const time = await timed(contestant);
      if (time <= onceOver) continue;
      times[i]!.push(time);
      done.add(contestant);
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const i = (turn + round) % contestants.length;
      const contestant = contestants[i]!;
      if (done.has(contestant)) continue;
      await contestant.enter?.();
      const end = performance.now() + turnMs;
      const first = await timed(contestant);
      if (first > turnMs) times[i]!.push(first);
      else while (performance.now() < end || times[i]!.length === 0) times[i]!.push(await timed(contestant));
    }
  }
  return contestants.map(({ name, flops, precision }, i) => ({
    name,
    ...spread(times[i]!),
    ...(flops === undefined ? {} : { flops }),
    ...(precision === undefined ? {} : { precision }),
  }));
}

async function timed(contestant: Contestant): Promise<number> {
  const start = performance.now();
  const own = await contestant.run();
  return typeof own === 'number' ? own : performance.now() - start;
}

/** Median and quartiles, midway between neighbours where they fall there. */
export function spread(times: readonly number[]): Pick<Timing, 'median' | 'low' | 'high' | 'least' | 'runs'> {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)]!;
    return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75), least: sorted[0]!, runs: sorted.length };
}
