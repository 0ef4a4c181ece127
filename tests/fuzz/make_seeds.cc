// Makes inputs for the fuzzers from scenarios (tests/testing/scenario.h):
//
//   make_fuzz_seeds DIRECTORY (FILE.ct|DIRECTORY_OF_FILES)...
//
// Each case becomes a file of DIRECTORY/decode, its frames, and one of
// DIRECTORY/convert, the batch that the sensor would send. Prints nothing; says
// what it cannot read or write, and returns 1.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "client/sensor/batch.h"
#include "client/sensor/decode.h"
#include "tests/testing/packet_builder.h"
#include "tests/testing/scenario.h"

namespace conntrack {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kStartUnixNs = 1'700'000'000'000'000'000;
constexpr uint32_t kPacketsMax = 4'096;

// As decode_fuzzer.cc describes it.
void AppendFrame(const std::vector<uint8_t>& packet, std::string* frames) {
  frames->push_back(static_cast<char>(sensor::LinkType::kRawIp));
  frames->push_back(0);
  frames->push_back(static_cast<char>(packet.size() >> 8));
  frames->push_back(static_cast<char>(packet.size()));
  frames->append(packet.begin(), packet.end());
}

void AppendToBatch(const std::vector<uint8_t>& packet, uint64_t time_unix_ns,
                   sensor::BatchBuilder* builder) {
  sensor::Decoded decoded;
  sensor::Decode(sensor::Frame{sensor::LinkType::kRawIp, time_unix_ns, packet,
                               static_cast<uint32_t>(packet.size())},
                 sensor::Checksums::kVerify, decoded);
  if (decoded.kind != sensor::Decoded::Kind::kPacket || !builder->Fits(decoded.packet)) return;
  builder->Append(decoded.packet);
}

bool Write(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes << std::flush;
  if (!file) std::fprintf(stderr, "%s cannot be written\n", path.c_str());
  return static_cast<bool>(file);
}

bool MakeSeed(const ScenarioCase& scenario, const fs::path& directory, const std::string& name) {
  std::string frames;
  sensor::BatchBuilder builder(kPacketsMax);
  for (const ScenarioStep& step : scenario.steps) {
    if (step.look) continue;
    const std::vector<uint8_t> packet =
        BuildPacket(step.spec, DefaultEndpoints(scenario.family), 0);
    AppendFrame(packet, &frames);
    AppendToBatch(packet, kStartUnixNs + static_cast<uint64_t>(step.spec.time.count()), &builder);
  }
  if (!Write(directory / "decode" / name, frames)) return false;
  return builder.size() == 0 ||
         Write(directory / "convert" / name, builder.Take().SerializeAsString());
}

std::string NameOf(const fs::path& file, const ScenarioCase& scenario) {
  const std::string stem = file.stem().string();
  return scenario.name.empty() ? stem : stem + "-" + scenario.name;
}

bool MakeSeeds(const fs::path& file, const fs::path& directory) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  const auto cases = ParseScenario(text.str());
  if (!cases.ok() || cases->empty()) {
    std::fprintf(stderr, "%s: %s\n", file.c_str(), cases.status().ToString().c_str());
    return false;
  }
  for (const ScenarioCase& scenario : *cases) {
    if (!MakeSeed(scenario, directory, NameOf(file, scenario))) return false;
  }
  return true;
}

std::vector<fs::path> FilesOf(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".ct") files.push_back(entry.path());
  }
  return files;
}

int Run(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: make_fuzz_seeds DIRECTORY (FILE.ct|DIRECTORY_OF_FILES)...\n");
    return 1;
  }
  const fs::path directory = argv[1];
  fs::create_directories(directory / "decode");
  fs::create_directories(directory / "convert");
  for (int i = 2; i < argc; ++i) {
    for (const fs::path& file : FilesOf(argv[i])) {
      if (!MakeSeeds(file, directory)) return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace conntrack

int main(int argc, char** argv) { return conntrack::Run(argc, argv); }
