#include "tests/differential/scratch_directory.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "server/tracker/check.h"

namespace conntrack {

ScratchDirectory::ScratchDirectory() { CT_CHECK(mkdtemp(path_.data()) != nullptr); }

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace conntrack
