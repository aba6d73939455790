import { expect, test } from 'vitest';
import { expected, firstLineOf, messageOf, UserError } from '../../ts/base/errors.js';
import { skippedLines } from '../../ts/cli/text.js';

test.each([
  [0.1, '0.1 of type number.'],
  ['a\nb', "'a\\nb' of type string."],
  [Array.from({ length: 12 }, (_, i) => i), '[ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ] of type array.'],
  [{ a: { b: { c: { d: 1 } } } }, '{ a: { b: { c: [Object] } } } of type object.'],
])('an unexpected %j is shown on one line', (actual, shown) => {
  expect(expected('size', 'an integer', actual).message).toBe(`Expected an integer for size but received ${shown}`);
});

test('what a message quotes breaks no line and writes nothing over it', () => {
  expect(new UserError("its emotion is 'a\r\n\u001b[31mb'.").message).toBe("its emotion is 'a\\r\\n\\x1B[31mb'.");
});

test('what is told of skipped files writes nothing over it either', () => {
  expect(skippedLines(['a\n\u009bb.png is no image'])).toEqual(['Skipped 1:', '  a\\n\\x9Bb.png is no image']);
});

test("a library's message of several lines comes on one, or its first line alone", () => {
  const error = new Error('No such op:\n  Conv2D\n at x');
  expect(messageOf(error)).toBe('No such op: Conv2D at x');
  expect(firstLineOf(error)).toBe('No such op:');
});
