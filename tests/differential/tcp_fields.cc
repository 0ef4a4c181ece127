#include "tests/differential/tcp_fields.h"

#include <vector>

namespace conntrack {

uint16_t TcpWindow(Random* random) {
  if (random->Percent(60)) return random->Pick<uint16_t>({5000, 32'767, 65'535});
  return random->Pick<uint16_t>({0, 1, 100, 1000, 5000, 32'767, 65'535});
}

uint32_t TcpOffset(Random* random) {
  switch (random->Below(14)) {
    case 0:
      return random->Next();
    case 1:
      return static_cast<uint32_t>(random->Pick({66'000, 66'001, 65'999, 70'000}));
    case 2:
      return static_cast<uint32_t>(random->Pick({-66'000, -66'001, -65'999, -200'000}));
    case 3:
      return static_cast<uint32_t>(random->Pick({32'767, 32'768, 65'535, 65'536, 65'534}));
    case 4:
      return static_cast<uint32_t>(random->Pick({-32'767, -32'768, -65'535, -65'536}));
    case 5:
      return static_cast<uint32_t>(random->Pick({4999, 5000, 5001, -5000, -5001}));
    case 6:
      return static_cast<uint32_t>(random->Pick({99, 100, 101, -100, -101, -99}));
    case 7:
      return static_cast<uint32_t>(random->Pick({999, 1000, 1001, -1000, -1001}));
    case 8:
    case 9:
      return static_cast<uint32_t>(random->Pick({1, -1, 2, -2}));
    default:
      return 0;
  }
}

void DistortOptions(PacketSpec* spec, Random* random) {
  std::vector<uint8_t> piece;
  switch (random->Below(8)) {
    case 0:
      piece = {3, 4, 7, 1};
      break;
    case 1:
      piece = {4, 3, 0};
      break;
    case 2:
      piece = {5, 6, 0, 0, 0, 0};
      break;
    case 3:
      piece = {static_cast<uint8_t>(random->Below(256)), 0};
      break;
    case 4:
      piece = {static_cast<uint8_t>(random->Below(256)), 1};
      break;
    case 5:
      piece = {253, 40, 3, 3};
      break;
    case 6:
      piece = {0, 3, 3, 7};
      break;
    default:
      piece = {1, 1, 1, 3};
      break;
  }
  if (piece.size() + spec->tcp_options.size() > 40) return;
  const bool front = random->Percent(50);
  spec->tcp_options.insert(front ? spec->tcp_options.begin() : spec->tcp_options.end(),
                           piece.begin(), piece.end());
}

}  // namespace conntrack
