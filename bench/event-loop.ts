import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Contestant } from './measure.js';

const runs = 30;

/** A line on how long the event loop had to wait while a contestant ran: what a progress bar and Ctrl-C feel. */
export async function eventLoopNote(contestant: Contestant): Promise<string> {
  try {
    await contestant.enter?.();
    for (let i = 0; i < (contestant.warmUps ?? 1); i++) await contestant.run();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let i = 0; i < runs; i++) await contestant.run();
    delay.disable();
    const ms = (nanoseconds: number) => (nanoseconds / 1e6).toFixed(1);
    return (
      `Event loop during ${runs} steps of ${contestant.name}: delayed by ${ms(delay.percentile(99))} ms ` +
      `(99th percentile), ${ms(delay.max)} ms at most.`
    );
  } finally {
    await contestant.dispose?.();
  }
}
