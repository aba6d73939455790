/** Number of each dtype on the native side; must match DType in native/runtime/kernel.h. */
export const dtypes = { float32: 0, int32: 1, bool: 2 } as const;
export type NativeDType = keyof typeof dtypes;
