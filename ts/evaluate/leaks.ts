// What reports say of anything that has seen faces before it is tested on them.

/** Of generators that are trained for each fold. */
export const strictNote = "Each fold's generator was trained on the training images of that fold alone.";

/** Of a feature network by which faces are made or chosen. @param file as options name it */
export const featuresNote = (file: string): string =>
  file === 'default'
    ? "The feature network that generators and selection go by is the one that ships: it learned from FER2013's Training " +
      'faces. Where the data are of FER2013, it has seen most of the faces that are tested on, the held-out ones, too.'
    : `The feature network ${file} is taken as it is: it has seen whatever it was trained on.`;
