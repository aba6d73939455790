import * as tf from '@tensorflow/tfjs-core';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../../base/errors.js';
import { readFaces } from '../../data/batch.js';
import type { FaceSet } from '../../data/faces.js';
import { makeDiscriminator } from '../../models/discriminator.js';
import { checkParams, uploadParams } from '../../models/host-params.js';
import { newestOrNamed, readWeightsOf, resumePoint } from '../../train/checkpoint.js';
import type { TrainConfig } from '../../train/options.js';
import { readRunConfig } from '../../train/run-folder.js';

const batchSize = 64;

/** What says whose discriminator it is: the generator's file, whose run is the folder that it lies in, unless `run` is given. */
export interface DiscriminatorOf {
  readonly onnx: string;
  readonly run: string | null;
}

/** Where a discriminator is found. */
interface FoundDiscriminator {
  readonly config: TrainConfig;
  /** The checkpoint. */
  readonly folder: string;
  readonly network: 'discriminatorA' | 'discriminatorB';
}

/**
 * Finds the discriminator of a class: as it was at the newest checkpoint of the generator's run, or at the one named.
 * @param className a class of the run
 * @throws UserError for a generator without a run, or faces that the discriminator does not take
 */
export async function findDiscriminator(
  { onnx, run }: DiscriminatorOf,
  channels: number,
  className: string,
): Promise<FoundDiscriminator> {
  const point = resumePoint(run ?? dirname(onnx));
  const config = await readRunConfig(point.run).catch((error: unknown) => {
    if (run !== null || !(error instanceof UserError)) throw error;
    throw new UserError(`${onnx} lies in no run's folder: name its run with --run, to select by its discriminator.`);
  });
  if (config.channels !== channels)
    throw new UserError(`The discriminators of ${point.run} take ${config.channels} channels, not ${channels}.`);
  const is = (name: string) => name.toLowerCase() === className.toLowerCase();
  if (!is(config.from) && !is(config.to))
    throw new UserError(`${point.run} has no discriminator of ${className}, but of ${config.from} and ${config.to}.`);
  const { folder } = await newestOrNamed(point);
  return { config, folder, network: is(config.to) ? 'discriminatorB' : 'discriminatorA' };
}

/**
 * How real the discriminator of the class made finds each face: the mean of its logits over all patches.
 * @throws UserError where it is not there
 */
export async function discriminatorScores(
  of: DiscriminatorOf,
  faces: Pick<FaceSet, 'pixels' | 'size' | 'channels' | 'count'>,
  className: string,
): Promise<Float64Array> {
  const { config, folder, network: name } = await findDiscriminator(of, faces.channels, className);
  const network = makeDiscriminator(config);
  const { params: stored, file } = await readWeightsOf(folder, name);
  const params = uploadParams(checkParams(network, stored, file, 'ignore'));
  const scores = new Float64Array(faces.count);
  try {
    for (let start = 0; start < faces.count; start += batchSize) {
      const some = Array.from({ length: Math.min(batchSize, faces.count - start) }, (_, n) => start + n);
      const { size, channels } = faces;
      const means = tf.tidy(() => {
        const images = tf.tensor4d(readFaces(faces, some), [some.length, size, size, channels]);
        return tf.mean(network.apply(params, images), [1, 2, 3]).dataSync();
      });
      scores.set(means, start);
      await setImmediate();
    }
  } finally {
    tf.dispose(params);
  }
  return scores;
}
