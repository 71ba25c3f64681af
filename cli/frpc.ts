#!/usr/bin/env node
// frpc: parse arguments, load config, start, signals, exit codes.
export {}
