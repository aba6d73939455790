import { expect, test } from 'vitest';
import { counted } from '../../ts/base/text.js';

test('one has no plural', () => {
  expect([0, 1, 2, 12345].map((n) => counted(n, 'cell'))).toEqual(['0 cells', '1 cell', '2 cells', '12,345 cells']);
});
