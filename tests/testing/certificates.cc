#include "tests/testing/certificates.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace conntrack::testing {
namespace {

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// Runs openssl in `directory`.
void OpenSsl(const std::string& directory, const std::string& arguments) {
  const std::string command =
      "cd '" + directory + "' && openssl " + arguments + " >openssl.log 2>&1";
  if (std::system(command.c_str()) != 0) Die("failed: " + command);
}

void MakeAuthority(const std::string& directory, const std::string& name) {
  OpenSsl(directory,
          "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" +
              name + " -keyout " + name + ".key -out " + name + ".pem");
}

void MakeSigned(const std::string& directory, const std::string& name, const std::string& subject,
                const std::string& alternatives) {
  OpenSsl(directory, "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" +
                         subject + " -keyout " + name + ".key -out " + name + ".csr");
  std::ofstream(directory + "/" + name + ".ext") << "subjectAltName=" << alternatives << "\n";
  OpenSsl(directory, "x509 -req -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial" +
                         " -days 2 -extfile " + name + ".ext -out " + name + ".pem");
}

std::string Read(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Certificates::Certificates() {
  std::string pattern = std::filesystem::temp_directory_path() / "conntrack-certificates-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) Die("cannot make " + pattern);
  directory_ = pattern;
  MakeAuthority(directory_, "ca");
  MakeAuthority(directory_, "other-ca");
  MakeSigned(directory_, "server", "localhost", "DNS:localhost,IP:127.0.0.1");
  MakeSigned(directory_, "client", "sensor", "DNS:sensor");
  OpenSsl(directory_, "pkey -in client.key -aes128 -passout pass:secret -out locked.key");
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string Certificates::Write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name)) << text;
  return path(name);
}

std::shared_ptr<grpc::ServerCredentials> Certificates::ServerCredentials(bool mutual) const {
  grpc::SslServerCredentialsOptions options(
      mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  if (mutual) options.pem_root_certs = Read(path("ca.pem"));
  options.pem_key_cert_pairs.push_back({Read(path("server.key")), Read(path("server.pem"))});
  return grpc::SslServerCredentials(options);
}

}  // namespace conntrack::testing
