import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { useEngine } from '../ts/backend/engine.js';
import { uploadParams } from '../ts/models/host-params.js';
import { initialParams, type Params } from '../ts/models/network.js';
import { makeGenerator } from '../ts/models/generator.js';
import { presets } from '../ts/train/presets.js';
import { measure, type Contestant } from './measure.js';
import type { Comparison } from './output.js';

const engines = ['native', 'wasm', 'cpu'] as const;

/** tfjs's wasm backend, which Node runs on one thread. */
async function useWasm(): Promise<void> {
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
}

/**
 * A generator's forward pass, the write-up's reduced ECycleGAN, on the native backend and on those
 * of tfjs that need no libtensorflow.
 */
export async function benchGenerator({ batches = [1, 8], rounds = 5 } = {}): Promise<Comparison[]> {
  const config = presets['paper-ecyclegan'];
  const network = makeGenerator(config);
  const weights = initialParams(network, 1);
  const uploaded = new Map<string, Params>();
  const enter = async (engine: (typeof engines)[number]): Promise<void> => {
    await (engine === 'wasm' ? useWasm() : useEngine(engine));
    if (!uploaded.has(engine)) uploaded.set(engine, uploadParams(weights));
  };
  const comparisons: Comparison[] = [];
  for (const batch of batches) {
    const contestant = (name: (typeof engines)[number]): Contestant => ({
      name,
      enter: () => enter(name),
      run: () =>
        tf.tidy(() => {
          const x: Tensor4D = tf.ones([batch, config.size, config.size, config.channels]);
          network.apply(uploaded.get(name)!, x).dataSync();
        }),
    });
    // The cpu backend takes seconds a face: once is enough to see that.
    const raced = engines.filter((engine) => engine !== 'cpu' || batch === 1);
    comparisons.push({
      title: `Generator, forward, batch ${batch}`,
      detail: `reduced ECycleGAN, ${config.size}x${config.size}, base width ${config.baseWidth}; tfjs's wasm backend has one thread`,
      timings: await measure(raced.map(contestant), { rounds }),
    });
  }
  return comparisons;
}
