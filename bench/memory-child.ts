// A process that trains natively for a few steps and tells its parent what memory that took.
import * as tf from '@tensorflow/tfjs-core';
import { readFileSync } from 'node:fs';
import { useEngine } from '../ts/backend/engine.js';
import type { MemoryTask, MemoryUse } from './memory.js';
import { makeTrainer } from './trainers.js';

const { config, precision, steps } = JSON.parse(process.argv[2]!) as MemoryTask;
await useEngine('native', precision);
const trainer = await makeTrainer(config);
for (let i = 0; i < steps; i++) await trainer.step();
const { peakBytes } = tf.memory() as unknown as { peakBytes: number };
const highWater = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
const use: MemoryUse = { peakMiB: Number(highWater) / 1024, tensorsMiB: peakBytes / 2 ** 20 };
process.send!(use);
