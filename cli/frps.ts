#!/usr/bin/env node
// frps: parse arguments, load config, start, signals, exit codes.
export {}
