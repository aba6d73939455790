/**
 * tfjs gives a window larger than its image a result of negative sizes; an int32 would wrap round larger ones.
 * @throws Error for a shape that no native tensor can have
 */
export function checkShape(shape: readonly number[]): void {
  for (const size of shape)
    if (size < 0 || size > 0x7fffffff)
      throw new Error(
        `Native kernels have no tensors of shape [${shape.join()}]: each size must be from 0 to 2147483647.`,
      );
}
