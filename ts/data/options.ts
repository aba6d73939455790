import { z } from 'zod';
import { choice, file, maybe, option, text, toggle } from '../base/options.js';

/** Options of what reads faces. */
export const dataOptions = {
  data: {
    ...text(
      'a file, a folder or the word synthetic',
      'csv or csv.gz of FER2013, folder of class folders, list of images (csv: file,class), or "synthetic"',
    ),
    placeholder: 'data',
  },
  ferplus: maybe(file('FER+ votes (fer2013new.csv) beside the data')),
  usage: choice(['training', 'all'], 'of data with a usage column: the training rows alone, or all'),
  skipBad: toggle('skip and count bad rows and files instead of stopping at them'),
  channels: option(z.literal([1, 3]), '1 or 3', '1: grey, 3: colour'),
} as const;
