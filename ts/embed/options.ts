import { choice, file, maybe, text, whole } from '../base/options.js';

/** How an ONNX network wants pixels: see {@link embeddingInputs}. */
export const embeddingInputs = ['signed', 'unit', 'imagenet', 'caffe'] as const;
export type EmbeddingInput = (typeof embeddingInputs)[number];

/** Options of what describes faces by numbers. */
export const embeddingOptions = {
  embedding: {
    ...file('what describes faces: "default" (the network of faces that ships), VGG19 weights, or any ONNX network'),
    placeholder: 'network',
  },
  embeddingOutput: maybe(
    { ...text('a name', 'value of an ONNX network to take, e.g. pool5'), placeholder: 'name' },
    'its last output',
  ),
  embeddingInput: choice(
    embeddingInputs,
    'pixels of an ONNX network: RGB in [-1, 1], in [0, 1], as torchvision normalises, or BGR less its mean',
  ),
  embeddingSize: maybe(whole(16, 1024, 'side of the images of an ONNX network in pixels'), 'what it fixes, else 224'),
} as const;

export const embeddingDefaults = {
  embedding: 'default',
  embeddingOutput: null,
  embeddingInput: 'imagenet',
  embeddingSize: null,
} as const;

export interface EmbeddingSettings {
  embedding: string;
  embeddingOutput: string | null;
  embeddingInput: EmbeddingInput;
  embeddingSize: number | null;
}
