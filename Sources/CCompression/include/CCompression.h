// SPDX-License-Identifier: Apache-2.0
//
// The libraries that make content codings: zlib (gzip), brotli, zstd.

#ifndef HTTPRING_CCOMPRESSION_H
#define HTTPRING_CCOMPRESSION_H

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#endif
