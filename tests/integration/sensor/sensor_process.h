// A conntrack-sensor that runs beside the test.
//
// Not thread-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace conntrack::testing {

struct SensorResult {
  int exit_code = -1;  // 128 + the signal that ended it.
  std::string out;     // Standard output: the summary.
  std::string err;     // Standard error.
};

class SensorProcess {
 public:
  // Starts the program with `arguments`. Aborts when it cannot.
  explicit SensorProcess(const std::vector<std::string>& arguments);
  // Ends the program if it still runs.
  ~SensorProcess();
  SensorProcess(const SensorProcess&) = delete;
  SensorProcess& operator=(const SensorProcess&) = delete;

  // Writes to its standard input.
  void Write(const std::string& bytes);
  // Ends its standard input.
  void CloseInput();
  void Signal(int signal);
  // Waits for its end.
  SensorResult Wait();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string error_path_;
};

// Runs the program to its end.
SensorResult RunSensor(const std::vector<std::string>& arguments);

// The number behind `"name":` in a JSON summary; -1 when it is not there.
int64_t SummaryCount(const SensorResult& result, const std::string& name);

}  // namespace conntrack::testing
