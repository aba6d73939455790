import type { ConvClassifier, ConvLayer } from './conv-classifier.js';

export interface ClassifierConfig {
  readonly channels: 1 | 3;
  readonly classes: number;
  /** Channels of the first convolution; the others follow. */
  readonly baseWidth?: number;
}

/** Channels (times baseWidth) of each stage's convolutions; the side halves before each stage but the first. */
const stages = [[1], [2], [4, 4], [6, 6]];

/**
 * A compact expression classifier: six convolutions, about 16 million multiplications for a grey
 * face of 48x48 at the default baseWidth of 16.
 */
export function classifier({ channels, classes, baseWidth = 16 }: ClassifierConfig): ConvClassifier {
  let inputs: number = channels;
  const convs = stages.flatMap((widths, stage) =>
    widths.map((times, i): ConvLayer => {
      const outputs = times * baseWidth;
      const layer = { name: `conv${stage + 1}_${i + 1}`, inputs, outputs, pooled: stage > 0 && i === 0 };
      inputs = outputs;
      return layer;
    }),
  );
  return { name: `classifier (base width ${baseWidth})`, convs, classes };
}
