// CT_CHECK aborts, in release builds too, when an invariant of our own is
// broken. What a client or a packet can cause is not an invariant.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CT_CHECK(condition)                                                              \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
