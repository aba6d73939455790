/** One contestant of a comparison. */
export interface Contestant {
  readonly name: string;
  /** Runs once; what it makes, it frees. */
  run(): void | Promise<void>;
  /** Before each turn of this contestant, untimed: e.g. to make its engine the current one. */
  enter?(): void | Promise<void>;
}

export interface Timing {
  readonly name: string;
  /** Milliseconds a run: the middle one of all. */
  readonly median: number;
  /** First and third quartile. */
  readonly low: number;
  readonly high: number;
  readonly runs: number;
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
  const timed = async (contestant: Contestant): Promise<number> => {
    const start = performance.now();
    await contestant.run();
    return performance.now() - start;
  };
  // Everything is compiled, and every pool filled, before a run counts.
  for (const contestant of contestants) {
    await contestant.enter?.();
    await timed(contestant);
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const i = (turn + round) % contestants.length;
      const contestant = contestants[i]!;
      await contestant.enter?.();
      const end = performance.now() + turnMs;
      const first = await timed(contestant);
      if (first > turnMs) times[i]!.push(first);
      while (performance.now() < end) times[i]!.push(await timed(contestant));
    }
  }
  return contestants.map(({ name }, i) => ({ name, ...spread(times[i]!) }));
}

function spread(times: number[]): Omit<Timing, 'name'> {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)]!;
    return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75), runs: sorted.length };
}
