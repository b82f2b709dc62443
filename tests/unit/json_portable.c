/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of the JSON scanner once more, as it is where there is no SSE2. */
#define JSON_PORTABLE
#include "common/record/json.c"
#include "tests/unit/json.c"
