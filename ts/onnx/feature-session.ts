import { UserError } from '../base/errors.js';
import { featureShape, readModelFile, type FeatureShape } from './model-file.js';
import { firstLine, openOnnxruntime, type Provider } from './session.js';

export interface FeatureSessionOptions {
  /** The value wanted, e.g. pool5; null: the file's last output. */
  output?: string | null;
  provider?: Provider;
  threads?: number;
}

/** A network that describes images by numbers, on a thread of its own. */
export interface FeatureSession extends Pick<FeatureShape, 'channels' | 'size' | 'output'> {
  /**
   * Describes `n` images of `size` pixels a side, NCHW; takes over their memory.
   * @returns [n, d]; of maps [n, d, h, w] the mean over all places
   * @throws UserError for images that the network does not take
   */
  run(images: Float32Array, n: number, size: number): Promise<Float32Array>;
  /** Ends the thread. */
  close(): Promise<void>;
}

/**
 * Opens a network that describes images from an ONNX file, in onnxruntime.
 * @throws UserError naming the file when it cannot be used
 */
export async function openFeatures(
  file: string,
  { output = null, provider = 'auto', threads }: FeatureSessionOptions = {},
): Promise<FeatureSession> {
  const model = await readModelFile(file);
  const shape = featureShape(model, output, file);
  const { thread } = await openOnnxruntime({ file, model: { ...model, bytes: shape.bytes }, provider, threads });
  return {
    ...shape,
    async run(images, n, size) {
      const given = [n, shape.channels, size, size];
      const failed = (why: string) => new UserError(`${file} failed on images [${given.join(', ')}]: ${why}.`);
      let made;
      try {
        made = await thread.run({ images, shape: given, input: shape.input, output: shape.output });
      } catch (error) {
        throw failed(firstLine(error));
      }
      const [batch, d, ...places] = made.shape;
      if (batch !== n || !d || (places.length !== 0 && places.length !== 2))
        throw failed(
          `its value ${shape.output} came as [${made.shape.join(', ')}], expected [${n}, d] or [${n}, d, h, w]`,
        );
      return meanOver(
        made.values,
        places.reduce((a, b) => a * b, 1),
      );
    },
    close: () => thread.close(),
  };
}

/** The mean of each so many values in a row. */
function meanOver(values: Float32Array, places: number): Float32Array {
  if (places === 1) return values;
  return Float32Array.from({ length: values.length / places }, (_, i) => {
    let sum = 0;
    for (let place = i * places; place < (i + 1) * places; place++) sum += values[place]!;
    return sum / places;
  });
}
