/** Shares of red, green and blue in grey (Rec. 601), as image libraries turn colour to grey. */
export const luma = [0.299, 0.587, 0.114] as const;
