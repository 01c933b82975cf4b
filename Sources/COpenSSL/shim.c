// SPDX-License-Identifier: Apache-2.0
//
// SwiftPM builds a C target only where there is a source file; everything is in the header.

#include "COpenSSL.h"
