#include "client/cpp/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace conntrack::client {
namespace {

// Certificates are a few kilobytes; a bundle of all authorities about 250.
constexpr size_t kFileBytesMax = 4u << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::StatusOr<std::string> ReadFile(const std::string& option, const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", path, ": ", std::generic_category().message(errno)));
  }
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad()) {  // A directory opens, but does not read.
    return absl::InvalidArgumentError(absl::StrCat(option, " ", path, ": cannot be read"));
  }
  if (text.size() > kFileBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", path, ": is above ", kFileBytesMax, " bytes"));
  }
  return text;
}

Bio OpenText(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
}

// A library must not ask the terminal, so a key that needs a passphrase is one
// that cannot be read.
int NoPassphrase(char*, int, int, void*) { return -1; }

// Null when there is none. What failed is on OpenSSL's error queue of this
// thread, which must not be left to be found by others.
Certificate FirstCertificate(const std::string& text) {
  const Bio bio = OpenText(text);
  Certificate result(PEM_read_bio_X509(bio.get(), nullptr, &NoPassphrase, nullptr), &X509_free);
  ERR_clear_error();
  return result;
}

Key FirstKey(const std::string& text) {
  const Bio bio = OpenText(text);
  Key result(PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassphrase, nullptr), &EVP_PKEY_free);
  ERR_clear_error();
  return result;
}

}  // namespace

absl::StatusOr<std::string> ReadCertificates(const std::string& option, const std::string& path) {
  auto text = ReadFile(option, path);
  if (text.ok() && FirstCertificate(*text) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", path, ": holds no PEM certificate that can be read"));
  }
  return text;
}

absl::StatusOr<std::string> ReadPrivateKey(const std::string& option, const std::string& path) {
  auto text = ReadFile(option, path);
  if (text.ok() && FirstKey(*text) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, " ", path, ": holds no PEM private key that can be read without a passphrase"));
  }
  return text;
}

absl::Status CheckPair(const std::string& certificates, const std::string& key) {
  const Certificate certificate = FirstCertificate(certificates);
  const Key private_key = FirstKey(key);
  const bool match = certificate != nullptr && private_key != nullptr &&
                     X509_check_private_key(certificate.get(), private_key.get()) == 1;
  ERR_clear_error();
  if (match) return absl::OkStatus();
  return absl::InvalidArgumentError("the key does not belong to the certificate");
}

}  // namespace conntrack::client
