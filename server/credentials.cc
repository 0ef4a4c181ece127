#include "server/credentials.h"

#include <grpcpp/security/server_credentials.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/address.h"

namespace conntrack {
namespace {

// OpenSSL's types with their own ways to end.
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::StatusOr<std::string> ReadFile(absl::string_view what, const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("cannot read ", what, " ", path, ": ",
                                            errno == 0 ? "it is empty" : std::strerror(errno)));
  }
  return text.str();
}

Bio OpenText(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
}

// An encrypted key must not make the server ask its terminal.
int NoPassword(char*, int, int, void*) { return -1; }

// The first certificate of a file.
absl::StatusOr<Certificate> ReadCertificate(absl::string_view what, const std::string& path,
                                            const std::string& text) {
  const Bio bio = OpenText(text);
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  ERR_clear_error();
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(what, " ", path, " holds no PEM certificate"));
  }
  return certificate;
}

absl::StatusOr<Key> ReadKey(const std::string& path, const std::string& text) {
  const Bio bio = OpenText(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassword, nullptr), &EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("private key ", path, " holds no unencrypted PEM private key"));
  }
  return key;
}

grpc_ssl_client_certificate_request_type RequestType(ClientAuth auth) {
  switch (auth) {
    case ClientAuth::kOptional:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientAuth::kRequired:
      return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientAuth::kNone:
      break;
  }
  return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTlsCredentials(const TlsConfig& tls) {
  const absl::StatusOr<std::string> cert = ReadFile("certificate", tls.cert);
  if (!cert.ok()) return cert.status();
  const absl::StatusOr<Certificate> certificate = ReadCertificate("certificate", tls.cert, *cert);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<std::string> key_text = ReadFile("private key", tls.key);
  if (!key_text.ok()) return key_text.status();
  const absl::StatusOr<Key> key = ReadKey(tls.key, *key_text);
  if (!key.ok()) return key.status();
  const bool match = X509_check_private_key(certificate->get(), key->get()) == 1;
  ERR_clear_error();
  if (!match) {
    return absl::InvalidArgumentError(
        absl::StrCat("private key ", tls.key, " does not belong to certificate ", tls.cert));
  }
  grpc::SslServerCredentialsOptions options(RequestType(tls.client_auth));
  options.pem_key_cert_pairs.push_back({*key_text, *cert});
  if (!tls.client_ca.empty()) {
    const absl::StatusOr<std::string> ca = ReadFile("client authority", tls.client_ca);
    if (!ca.ok()) return ca.status();
    const absl::StatusOr<Certificate> parsed =
        ReadCertificate("client authority", tls.client_ca, *ca);
    if (!parsed.ok()) return parsed.status();
    options.pem_root_certs = *ca;
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const ServerConfig& config) {
  if (config.tls.enabled()) return MakeTlsCredentials(config.tls);
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(config.listen);
  if (!address.ok()) return address.status();
  const absl::StatusOr<bool> loopback = IsLoopback(*address);
  if (!loopback.ok()) return loopback.status();
  if (!*loopback && !config.insecure) {
    return absl::FailedPreconditionError(absl::StrCat(
        "listening on ", config.listen,
        ", which other hosts can reach, needs --tls-cert and --tls-key, or --insecure"));
  }
  return grpc::InsecureServerCredentials();
}

}  // namespace conntrack
