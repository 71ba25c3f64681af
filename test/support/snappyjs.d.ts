declare module 'snappyjs' {
  const snappyjs: {
    compress(bytes: Buffer): Buffer
    uncompress(bytes: Buffer): Buffer
  }
  export default snappyjs
}
