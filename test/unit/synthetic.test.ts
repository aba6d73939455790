import { describe, expect, test } from 'vitest';
import { ferClasses } from '../../ts/data/classes.js';
import { facesOfClass, loadFaces } from '../../ts/data/faces.js';
import { faceParameters, renderFace, renderFaces, syntheticFaces } from '../../ts/data/synthetic.js';

const grey = { size: 48, channels: 1 } as const;

/** Mean absolute difference of two images in a region, in 0..255. */
function difference(a: Uint8Array, b: Uint8Array, fromRow: number, toRow: number): number {
  let sum = 0;
  for (let i = fromRow * 48; i < toRow * 48; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / ((toRow - fromRow) * 48);
}

describe('syntheticFaces', () => {
  test('gives the seven classes in turn, and the same faces for the same seed whatever their count', async () => {
    const many = await syntheticFaces({ ...grey, count: 21, seed: 7 });
    expect(many).toMatchObject({ size: 48, channels: 1, count: 21, classNames: ferClasses, skipped: [] });
    expect([...many.labels]).toEqual([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6]);
    expect([...many.groups]).toEqual(Array.from({ length: 21 }, (_, i) => i));
    expect(many.source(12)).toBe('synthetic 12');
    const few = await syntheticFaces({ ...grey, count: 8, seed: 7 });
    expect(few.pixels).toEqual(many.pixels.subarray(0, few.pixels.length));
    const other = await syntheticFaces({ ...grey, count: 8, seed: 8 });
    expect(other.pixels).not.toEqual(few.pixels);
  });

  test('says what each face was drawn from', async () => {
    const faces = await syntheticFaces({ ...grey, count: 9, seed: 3 });
    expect(faces.parameters[8]).toEqual(faceParameters(3, 8, 'Disgust'));
    const again = await renderFace(faces.parameters[8]!, grey);
    // Elsewhere on a sheet, coordinates round otherwise.
    const worst = again.reduce((max, v, i) => Math.max(max, Math.abs(v - faces.pixels[8 * 48 * 48 + i]!)), 0);
    expect(worst).toBeLessThanOrEqual(4);
  });

  test('makes the rare class as rare as told', async () => {
    const faces = await loadFaces({ ...grey, data: 'synthetic' });
    expect(faces.count).toBe(760);
    expect(ferClasses.map((name) => facesOfClass(faces, name).length)).toEqual([120, 40, 120, 120, 120, 120, 120]);
  });

  test('draws in colour and in other sizes', async () => {
    const faces = await syntheticFaces({ size: 20, channels: 3, count: 7, seed: 1 });
    expect(faces.pixels.length).toBe(7 * 20 * 20 * 3);
    // Skin is redder than blue.
    const at = (10 * 20 + 10) * 3;
    expect(faces.pixels[at]).toBeGreaterThan(faces.pixels[at + 2]!);
  });

  test.each([0, 2.5, Number.NaN])('refuses a count of %d', async (count) => {
    await expect(syntheticFaces({ ...grey, count, seed: 1 })).rejects.toThrow(/integer above 0 for the count/);
  });
});

describe('renderFaces', () => {
  const base = faceParameters(1, 6, 'Neutral');
  const plain = {
    ...base,
    pose: { ...base.pose, shiftX: 0, shiftY: 0, tilt: 0, turn: 0 },
    light: { ...base.light, noise: 0 },
  };

  test('changes the expression without the rest of the picture', async () => {
    const { expression } = faceParameters(1, 6, 'Surprise');
    const pixels = await renderFaces([plain, { ...plain, expression }], grey);
    const [neutral, surprised] = [pixels.subarray(0, 48 * 48), pixels.subarray(48 * 48)];
    // The hair stays; brows, eyes and mouth move.
    expect(difference(neutral, surprised, 0, 8)).toBeLessThan(0.5);
    expect(difference(neutral, surprised, 12, 46)).toBeGreaterThan(4);
  });

  test('moves with the pose and dims with the light', async () => {
    const pixels = await renderFaces(
      [
        plain,
        { ...plain, pose: { ...plain.pose, shiftX: 10 } },
        { ...plain, light: { ...plain.light, exposure: 0.5 } },
      ],
      grey,
    );
    const [still, moved, dim] = [0, 1, 2].map((i) => pixels.subarray(i * 48 * 48, (i + 1) * 48 * 48));
    expect(difference(still!, moved!, 0, 48)).toBeGreaterThan(5);
    const sum = (image: Uint8Array) => image.reduce((a, b) => a + b, 0);
    expect(sum(dim!) / sum(still!)).toBeCloseTo(0.5, 1);
  });
});
