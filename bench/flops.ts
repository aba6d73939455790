// Floating-point operations of convolutions, all that counts in these networks, by the direct
// method: two for each product and sum. PyTorch's FlopCounterMode counts alike. What an engine saves
// (Winograd, features of real images kept) shows as more operations a second, not as fewer.
import type { DiscriminatorConfig } from '../ts/models/discriminator.js';
import type { GeneratorConfig } from '../ts/models/generator.js';
import type { DenseTrunkConfig } from '../ts/models/trunks.js';
import { vgg19Convs } from '../ts/models/vgg19.js';

/** A convolution of square filters, for one image: `side` of its result, or of its input if transposed. */
export const convFlops = (side: number, filter: number, inputs: number, outputs: number): number =>
  2 * side ** 2 * filter ** 2 * inputs * outputs;

/** A generator's forward pass on one image of `size` pixels a side. */
export function generatorFlops(config: GeneratorConfig, size: number): number {
  const { baseWidth: width, generator, resBlocks } = config;
  const ends = generatorFirstFlops(config, size);
  const halving = convFlops(size / 2, 3, width, 2 * width) + convFlops(size / 4, 3, 2 * width, 4 * width);
  const doubling = convFlops(size / 4, 3, 4 * width, 2 * width) + convFlops(size / 2, 3, 2 * width, width);
  const trunk =
    generator === 'cyclegan'
      ? 2 * resBlocks * convFlops(size / 4, 3, 4 * width, 4 * width)
      : trunkFlops(config, size / 4, 4 * width);
  return 2 * ends + halving + doubling + trunk;
}

/** The 7x7 convolution at either end of a generator. */
const generatorFirstFlops = ({ channels, baseWidth }: GeneratorConfig, size: number) =>
  convFlops(size, 7, channels, baseWidth);

/** A trunk of residual dense blocks, forward. */
export function trunkFlops(
  { blocks, denseBlocks, subBlocks, growth }: DenseTrunkConfig,
  side: number,
  width: number,
): number {
  let dense = 0;
  for (let i = 0; i < subBlocks; i++)
    dense += convFlops(side, 3, width + i * growth, i < subBlocks - 1 ? growth : width);
  return blocks * denseBlocks * dense;
}

/** A discriminator's forward pass, and its first convolution alone, for one image. */
export function discriminatorFlops(
  { channels, discriminatorWidth: width, discriminatorLayers: halvings }: DiscriminatorConfig,
  size: number,
): { all: number; first: number } {
  let side = size;
  let inputs: number = channels;
  const layers = Array.from({ length: halvings + 2 }, (_, i) => {
    side = i < halvings ? Math.floor(side / 2) : side - 1;
    const outputs = i > halvings ? 1 : width * Math.min(2 ** i, 8);
    const flops = convFlops(side, 4, inputs, outputs);
    inputs = outputs;
    return flops;
  });
  return { all: layers.reduce((a, b) => a + b), first: layers[0]! };
}

/** VGG19 up to and with its last convolution, forward, for one image. */
export function vgg19Flops(size: number, width = 1): number {
  let side = size;
  let sum = 0;
  for (const { inputs, outputs, pooled } of vgg19Convs({ width, channels: 3 })) {
    if (pooled) side = Math.floor(side / 2);
    sum += convFlops(side, 3, inputs, outputs);
  }
  return sum;
}

export type StepShape = GeneratorConfig &
  DiscriminatorConfig & { readonly size: number; readonly batchSize: number; readonly perceptualAlpha: number };

/**
 * A training step with cycle and identity losses, LSGAN and, unless perceptualAlpha is 0, features
 * up to VGG19's last convolution at full width, those of the real images included.
 * A gradient by a layer's input or by its filter costs what its forward pass costs; real images need none.
 */
export function stepFlops(config: StepShape): number {
  const { size, batchSize, perceptualAlpha } = config;
  const generator = generatorFlops(config, size);
  // Each generator translates, keeps, and closes the other's cycle; the first two read real images.
  const generators = 2 * (3 * 3 * generator - 2 * generatorFirstFlops(config, size));
  const judge = discriminatorFlops(config, size);
  // Each discriminator passes a gradient back to a translation, then learns from a real image and a fake.
  const discriminators = 2 * (2 * judge.all + 2 * (3 * judge.all - judge.first));
  const features = perceptualAlpha === 0 ? 0 : 2 * perceptualFlops(size);
  return batchSize * (generators + discriminators + features);
}

/** Features of an image and of its target, and the gradient by the image. */
export const perceptualFlops = (size: number): number => 3 * vgg19Flops(size);
