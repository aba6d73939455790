// Where nvcc is set up.
import { join, resolve } from 'node:path';
import { root } from '../addon/record.mjs';

/** Holds `toolkit`: nvcc and what it needs, from Python wheels. */
export const cudaFolder = () => resolve(process.env.RAREFACE_CUDA_FOLDER ?? join(root, '.cuda'));

export const toolkitFolder = () => join(cudaFolder(), 'toolkit');
