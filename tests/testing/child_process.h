// Runs a program as users do, and takes what it prints.
//
// Not thread-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace conntrack::testing {

class ChildProcess {
 public:
  // Starts `program` with these arguments and no environment but PATH. Aborts
  // when it cannot.
  ChildProcess(const std::string& program, const std::vector<std::string>& arguments);
  // Kills what still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line of standard output, without its end; empty at the end.
  std::string ReadLine();

  void Signal(int signal);

  // Closes the reading end of its standard output.
  void CloseOutput();

  // Waits for the end. Returns the exit code, or minus the signal; `output()`
  // and `errors()` are complete then.
  int Wait();

  // Standard output that no ReadLine took, and standard error.
  const std::string& output() const { return output_; }
  const std::string& errors() const { return errors_; }

 private:
  pid_t pid_ = -1;
  int output_descriptor_ = -1;
  int errors_descriptor_ = -1;
  std::string output_;
  std::string errors_;
};

}  // namespace conntrack::testing
