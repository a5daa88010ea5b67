// SPDX-License-Identifier: Apache-2.0

#include "boot/acpi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "boot/acpi_devices.h"

namespace faasnap::boot {
namespace {

constexpr std::uint32_t kLocalApic = 0xfee00000;
constexpr std::uint32_t kIoApic = 0xfec00000;

constexpr std::size_t kHeaderSize = 36;
constexpr std::size_t kTableChecksumOffset = 9;
constexpr std::size_t kRsdpSize = 36;
constexpr std::uint64_t kAlignment = 16;

void put_text(base::ByteWriter& out, std::string_view text) {
  out.put_bytes(std::as_bytes(std::span(text)));
}

// Returns the byte that makes the sum of all bytes zero.
std::byte checksum(std::span<const std::byte> data) {
  std::uint8_t sum = 0;
  for (const std::byte value : data) {
    sum = static_cast<std::uint8_t>(sum + std::to_integer<std::uint8_t>(value));
  }
  return static_cast<std::byte>(-sum);
}

// Returns a table: the common header (ACPI 6.4, section 5.2.6), then `body`.
std::vector<std::byte> make_table(std::string_view signature, std::uint8_t revision,
                                  std::span<const std::byte> body) {
  base::ByteWriter out;
  put_text(out, signature);
  out.put(static_cast<std::uint32_t>(kHeaderSize + body.size()));
  out.put(revision);
  out.put(std::uint8_t{0});  // checksum
  put_text(out, "FAASNP");
  put_text(out, "FAASNAP ");
  out.put(std::uint32_t{1});  // OEM revision
  put_text(out, "FAAS");
  out.put(std::uint32_t{1});  // creator revision
  out.put_bytes(body);
  std::vector<std::byte> table = out.take();
  table[kTableChecksumOffset] = checksum(table);
  return table;
}

void put_zeros(base::ByteWriter& out, std::size_t count) {
  out.put_bytes(std::vector<std::byte>(count));
}

// Appends the generic address structure of a byte-wide I/O port.
void put_port(base::ByteWriter& out, std::uint16_t port) {
  constexpr std::uint8_t kIoSpace = 1;
  constexpr std::uint8_t kByteAccess = 1;
  out.put(kIoSpace);
  out.put(std::uint8_t{8});  // bits
  out.put(std::uint8_t{0});  // bit offset
  out.put(kByteAccess);
  out.put(std::uint64_t{port});
}

// Section 5.2.9. The numbers in comments are offsets in the table.
std::vector<std::byte> make_fadt(const AcpiConfig& config, std::uint64_t dsdt) {
  constexpr std::uint8_t kServerProfile = 4;
  constexpr std::uint16_t kNoVga = 1 << 2;
  constexpr std::uint16_t kNoCmosClock = 1 << 5;
  constexpr std::uint32_t kWbinvd = 1 << 0;
  constexpr std::uint32_t kNoFixedPowerButton = 1 << 4;
  constexpr std::uint32_t kNoFixedSleepButton = 1 << 5;
  constexpr std::uint32_t kResetRegister = 1 << 10;
  constexpr std::uint32_t kHardwareReduced = 1 << 20;

  base::ByteWriter out;
  put_zeros(out, 45 - kHeaderSize);
  out.put(kServerProfile);                                     // 45
  put_zeros(out, 109 - 46);                                    // 46: no ACPI hardware
  out.put(static_cast<std::uint16_t>(kNoVga | kNoCmosClock));  // 109
  put_zeros(out, 1);                                           // 111
  out.put(kWbinvd | kNoFixedPowerButton | kNoFixedSleepButton | kResetRegister |
          kHardwareReduced);                 // 112
  put_port(out, config.reset_port);          // 116
  out.put(kResetValue);                      // 128
  put_zeros(out, 2);                         // 129
  out.put(std::uint8_t{4});                  // 131: minor version
  put_zeros(out, 8);                         // 132: no FACS
  out.put(dsdt);                             // 140
  put_zeros(out, 244 - 148);                 // 148
  put_port(out, config.sleep_control_port);  // 244
  put_port(out, config.sleep_status_port);   // 256
  put_text(out, "faasnap ");                 // 268: hypervisor
  return make_table("FACP", 6, out.bytes());
}

// Section 5.2.12.
std::vector<std::byte> make_madt(const AcpiConfig& config) {
  constexpr std::uint8_t kLocalApicEntry = 0;
  constexpr std::uint8_t kIoApicEntry = 1;
  base::ByteWriter out;
  out.put(kLocalApic);
  out.put(std::uint32_t{0});  // no 8259
  for (unsigned id = 0; id < config.vcpus; ++id) {
    out.put(kLocalApicEntry);
    out.put(std::uint8_t{8});
    out.put(static_cast<std::uint8_t>(id));  // processor
    out.put(static_cast<std::uint8_t>(id));  // APIC
    out.put(std::uint32_t{1});               // enabled
  }
  out.put(kIoApicEntry);
  out.put(std::uint8_t{12});
  out.put(static_cast<std::uint8_t>(config.vcpus));  // APIC id
  out.put(std::uint8_t{0});
  out.put(kIoApic);
  out.put(std::uint32_t{0});  // first GSI
  return make_table("APIC", 5, out.bytes());
}

std::vector<std::byte> make_xsdt(std::initializer_list<std::uint64_t> tables) {
  base::ByteWriter out;
  for (const std::uint64_t address : tables) {
    out.put(address);
  }
  return make_table("XSDT", 1, out.bytes());
}

// Section 5.2.5.3.
std::vector<std::byte> make_rsdp(std::uint64_t xsdt) {
  constexpr std::size_t kFirstPart = 20;
  base::ByteWriter out;
  put_text(out, "RSD PTR ");
  out.put(std::uint8_t{0});  // checksum of the first part
  put_text(out, "FAASNP");
  out.put(std::uint8_t{2});   // revision
  out.put(std::uint32_t{0});  // no RSDT
  out.put(static_cast<std::uint32_t>(kRsdpSize));
  out.put(xsdt);
  out.put(std::uint32_t{0});  // checksum of all, and padding
  std::vector<std::byte> rsdp = out.take();
  rsdp[8] = checksum(std::span(rsdp).first(kFirstPart));
  rsdp[32] = checksum(rsdp);
  return rsdp;
}

// Writes tables one after the other below kVmGenId.
class TableWriter {
 public:
  TableWriter(const memory::GuestMemory& memory, memory::GuestAddress start)
      : memory_(memory), next_(start) {}

  std::uint64_t put(std::span<const std::byte> table) {
    const memory::GuestAddress at = next_;
    if (table.size() > kVmGenId.value - at.value || !memory_.write(at, table)) {
      base::fail(ErrorKind::invalid_argument, "write ACPI tables", {},
                 fmt::format("more devices than fit between {:#x} and {:#x}", kAcpiStart.value,
                             kVmGenId.value));
    }
    next_.value =
        std::min((at.value + table.size() + kAlignment - 1) & ~(kAlignment - 1), kVmGenId.value);
    return at.value;
  }

 private:
  const memory::GuestMemory& memory_;
  memory::GuestAddress next_;
};

}  // namespace

memory::GuestAddress write_acpi_tables(const memory::GuestMemory& memory,
                                       const AcpiConfig& config) {
  TableWriter tables(memory, memory::GuestAddress{kAcpiStart.value + 64});
  const std::uint64_t dsdt = tables.put(make_table("DSDT", 2, describe_devices(config)));
  const std::uint64_t fadt = tables.put(make_fadt(config, dsdt));
  const std::uint64_t madt = tables.put(make_madt(config));
  const std::uint64_t xsdt = tables.put(make_xsdt({fadt, madt}));
  memory.write(kAcpiStart, make_rsdp(xsdt));
  return kAcpiStart;
}

}  // namespace faasnap::boot
