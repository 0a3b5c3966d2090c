export const value = 1;
await new Promise(() => {});
