#include "tests/integration/sensor/capture_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace conntrack::testing {
namespace {

void Append32(uint32_t value, std::string* text) {
  text->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void AppendBig16(uint32_t value, std::string* text) {
  *text += static_cast<char>(value >> 8);
  *text += static_cast<char>(value);
}

}  // namespace

std::string PcapHead(uint32_t link_type) {
  std::string head;
  Append32(0xa1b23c4d, &head);
  Append32(2 | 4 << 16, &head);
  Append32(0, &head);
  Append32(0, &head);
  Append32(65'535, &head);
  Append32(link_type, &head);
  return head;
}

std::string PcapRecord(uint64_t time_ns, const std::string& frame) {
  std::string record;
  Append32(static_cast<uint32_t>(time_ns / 1'000'000'000), &record);
  Append32(static_cast<uint32_t>(time_ns % 1'000'000'000), &record);
  Append32(static_cast<uint32_t>(frame.size()), &record);
  Append32(static_cast<uint32_t>(frame.size()), &record);
  return record + frame;
}

std::string SynFrame(uint16_t source_port) {
  std::string frame(12, '\x02');
  AppendBig16(0x0800, &frame);
  // IPv4, 40 bytes, TTL 64, TCP, 192.0.2.1 to 192.0.2.2; the checksums are left
  // to the card.
  frame.append("\x45\x00\x00\x28\x00\x01\x00\x00\x40\x06\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02",
               20);
  AppendBig16(source_port, &frame);
  AppendBig16(80, &frame);
  frame.append(8, '\0');
  frame.append("\x50\x02\xff\xff\x00\x00\x00\x00", 8);
  return frame;
}

std::string PcapOfSyns(int packets, uint64_t gap_ns) {
  std::string file = PcapHead();
  for (int i = 0; i < packets; ++i) {
    file += PcapRecord(1'700'000'000'000'000'000 + static_cast<uint64_t>(i) * gap_ns,
                       SynFrame(static_cast<uint16_t>(1'024 + i)));
  }
  return file;
}

std::string WriteTemporary(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + "sensor." + std::to_string(getpid()) + "." + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

}  // namespace conntrack::testing
