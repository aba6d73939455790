/** FER2013's seven classes in the order of its labels 0..6; the synthetic faces have the same. */
export const ferClasses = ['Angry', 'Disgust', 'Fear', 'Happy', 'Sad', 'Surprise', 'Neutral'] as const;
export type FerClass = (typeof ferClasses)[number];

/** What FER+ voters could choose, in the order of its columns; NF is "not a face". */
export const ferPlusColumns = [
  'neutral',
  'happiness',
  'surprise',
  'sadness',
  'anger',
  'disgust',
  'fear',
  'contempt',
  'unknown',
  'NF',
] as const;

/** The column of FER+ that means the same as each of {@link ferClasses}. */
export const ferPlusColumnOf: readonly number[] = [4, 5, 6, 1, 3, 2, 0];
