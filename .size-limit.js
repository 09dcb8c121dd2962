// What an application ships when it uses everything: minified, then compressed with brotli. A limit is raised only with
// what the bytes are for, one line for each feature:
//
//   core   23 kB   as it was first measured
//   spi     5 kB   as it was first measured
export default [
  {
    name: "@waybill/core, everything",
    path: "packages/core/dist/index.js",
    import: "*",
    limit: "23 kB",
    brotli: true,
  },
  {
    name: "@waybill/core/spi, everything",
    path: "packages/core/dist/spi/index.js",
    import: "*",
    limit: "5 kB",
    brotli: true,
  },
];
