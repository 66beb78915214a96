// The part of the WebAssembly interface that this folder uses. TypeScript declares it in its browser library only,
// whose other globals do not belong in a program for Node.
declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- the way to add to a global one
  namespace WebAssembly {
    interface Memory {
      readonly buffer: SharedArrayBuffer;
    }
    class Module {
      constructor(bytes: Uint8Array);
      static exports(module: Module): { name: string; kind: string }[];
    }
    class Instance {
      constructor(module: Module, imports: Record<string, Record<string, unknown>>);
      readonly exports: Record<string, unknown>;
    }
    function validate(bytes: Uint8Array): boolean;
  }
}

export {};
