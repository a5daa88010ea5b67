// SPDX-License-Identifier: Apache-2.0

// A guest without an operating system: it serves requests over vsock, as an echo or as an agent
// whose function does nothing, or does its worst in the one way; its command line says by a letter
// (ways.h) what it does. Entered in 64-bit mode with an identity mapping, as every kernel is; the
// addresses are those that the ACPI tables of a VM declare.

#include <cstddef>
#include <cstdint>

extern "C" __attribute__((used)) void* memcpy(void* to, const void* from, std::size_t size) {
  void* const result = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
  return result;
}
extern "C" __attribute__((used)) void* memset(void* to, int value, std::size_t size) {
  void* const result = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return result;
}

namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// ---- The machine.

constexpr u64 kDevices = 0xd000'0000;
enum Device : u64 { socket = 0, disk = 1, balloon = 2 };
constexpr u64 kIoApic = 0xfec0'0000;
constexpr u64 kLocalApic = 0xfee0'0000;
constexpr u32 kSocketPin = 5;
constexpr u8 kSocketVector = 0x40;
constexpr u16 kConsole = 0x3f8;

volatile u32& word(u64 address) { return *reinterpret_cast<volatile u32*>(address); }
volatile u32& reg(Device device, u64 offset) { return word(kDevices + device * 0x1000 + offset); }
void out(u16 port, u8 value) { asm volatile("outb %0, %1" ::"a"(value), "d"(port)); }
void compiler_barrier() { asm volatile("" ::: "memory"); }

// ---- Queues (virtio 1.2, section 2.7).

constexpr u16 kEntries = 16;
constexpr u16 kWritable = 2;
constexpr u16 kIndirect = 4;

struct Descriptor {
  u64 address;
  u32 length;
  u16 flags;
  u16 next;
};

struct Queue {
  alignas(16) Descriptor descriptors[kEntries];
  struct {
    u16 flags;
    volatile u16 index;
    u16 ring[kEntries];
  } available;
  alignas(4) struct {
    volatile u16 flags;
    volatile u16 index;
    struct {
      u32 head;
      u32 length;
    } ring[kEntries];
  } used;
  u16 taken;

  bool has_used() const { return used.index != taken; }
  u16 take_used() {
    compiler_barrier();
    return static_cast<u16>(used.ring[taken++ % kEntries].head);
  }
  u16 under_way() const { return static_cast<u16>(available.index - used.index); }
  void offer(u16 head) {
    available.ring[available.index % kEntries] = head;
    compiler_barrier();
    available.index = static_cast<u16>(available.index + 1);
  }
};

constexpr unsigned kQueues = 3;
alignas(4096) Queue queues[kQueues];

void notify(Device device, u32 queue) {
  compiler_barrier();
  reg(device, 0x50) = queue;
}

// Resets the device, and starts it with `features` and that many queues.
void start(Device device, u32 features, u32 count) {
  reg(device, 0x70) = 0;
  memset(queues, 0, sizeof(queues));
  reg(device, 0x70) = 3;
  reg(device, 0x24) = 0;
  reg(device, 0x20) = features;
  reg(device, 0x24) = 1;
  reg(device, 0x20) = 1;  // VIRTIO_F_VERSION_1
  reg(device, 0x70) = 11;
  for (u32 i = 0; i < count; ++i) {
    reg(device, 0x30) = i;
    reg(device, 0x38) = kEntries;
    reg(device, 0x80) = static_cast<u32>(reinterpret_cast<u64>(queues[i].descriptors));
    reg(device, 0x90) = static_cast<u32>(reinterpret_cast<u64>(&queues[i].available));
    reg(device, 0xa0) = static_cast<u32>(reinterpret_cast<u64>(&queues[i].used));
    reg(device, 0x44) = 1;
  }
  reg(device, 0x70) = 15;
}

// ---- vsock (virtio 1.2, section 5.10).

constexpr u32 kReceive = 0;
constexpr u32 kTransmit = 1;

enum Operation : u16 {
  request = 1,
  response = 2,
  reset = 3,
  shutdown = 4,
  data = 5,
  credit_update = 6,
  credit_request = 7,
};

struct __attribute__((packed)) Header {
  u64 source_cid;
  u64 destination_cid;
  u32 source_port;
  u32 destination_port;
  u32 length;
  u16 type;
  u16 operation;
  u32 flags;
  u32 buffer_size;
  u32 forwarded;
};

constexpr u32 kPacket = 4096;
constexpr u32 kLargest = 64 << 10;
alignas(4096) u8 received[kEntries][kPacket];
// Each begins with its header.
alignas(4096) u8 sent[kEntries][kPacket];
alignas(4096) u8 large[kLargest + kPacket];
u32 cid;
u32 forwarded;  // bytes that this guest has read, of its one stream

void give_buffer(u16 index) {
  queues[kReceive].descriptors[index] = {reinterpret_cast<u64>(received[index]), kPacket, kWritable,
                                         0};
  queues[kReceive].offer(index);
}

void start_socket() {
  start(socket, 0, 3);
  queues[kTransmit].available.flags = 1;  // no interrupts
  cid = reg(socket, 0x100);
  for (u16 i = 0; i < kEntries; ++i) {
    give_buffer(i);
  }
  notify(socket, kReceive);
}

// Returns the next buffer for a packet that is sent, once the device has returned it.
u16 next_buffer() {
  while (queues[kTransmit].under_way() == kEntries) {
  }
  return queues[kTransmit].available.index % kEntries;
}

// Offers a packet whose data, if any, already lie behind its header at `place`.
void send(u8* place, u16 index, u32 host_port, u32 guest_port, Operation operation, u32 length) {
  const Header header{.source_cid = cid,
                      .destination_cid = 2,
                      .source_port = guest_port,
                      .destination_port = host_port,
                      .length = length,
                      .type = 1,
                      .operation = operation,
                      .flags = 0,
                      .buffer_size = kLargest,
                      .forwarded = forwarded};
  memcpy(place, &header, sizeof(header));
  queues[kTransmit].descriptors[index] = {reinterpret_cast<u64>(place),
                                          static_cast<u32>(sizeof(Header)) + length, 0, 0};
  queues[kTransmit].offer(index);
}

void send(u32 host_port, u32 guest_port, Operation operation) {
  const u16 index = next_buffer();
  send(sent[index], index, host_port, guest_port, operation, 0);
}

// What an agent answers to each request; null for a server that sends back what it gets.
const char* answer;

// Returns the number of bytes that answer a packet of `length` bytes, which lie at `got`, at
// `place`.
u32 fill_answer(u8* place, const u8* got, u32 length) {
  if (answer == nullptr) {
    memcpy(place, got, length);
    return length;
  }
  // A request begins with its method; what follows in further packets is not answered.
  if (length == 0 || (got[0] != 'P' && got[0] != 'G')) {
    return 0;
  }
  u32 filled = 0;
  for (const char* at = answer; *at != 0; ++at) {
    place[filled++] = static_cast<u8>(*at);
  }
  return filled;
}

// Answers each packet of the host.
void serve(const u8* packet) {
  Header header;
  memcpy(&header, packet, sizeof(header));
  const u16 index = next_buffer();
  switch (header.operation) {
    case request:
      forwarded = 0;
      return send(sent[index], index, header.source_port, header.destination_port, response, 0);
    case data:
      forwarded += header.length;
      if (const u32 length =
              fill_answer(sent[index] + sizeof(Header), packet + sizeof(Header), header.length)) {
        send(sent[index], index, header.source_port, header.destination_port, data, length);
      }
      return;
    case credit_request:
      return send(sent[index], index, header.source_port, header.destination_port, credit_update,
                  0);
    case shutdown:
      return send(sent[index], index, header.source_port, header.destination_port, reset, 0);
    default:
      return;
  }
}

// ---- Serving: the one way in which this guest sleeps.

struct Gate {
  u16 low;
  u16 selector;
  u16 type;
  u16 middle;
  u32 high;
  u32 zero;
};
alignas(16) Gate gates[kSocketVector + 1];
extern "C" {
alignas(16) __attribute__((used)) u8 stack[8192];
}

// Answers what has come, and sleeps until there is more.
extern "C" [[noreturn]] __attribute__((used)) void serve_on() {
  word(kLocalApic + 0xb0) = 0;  // end of interrupt, or none
  reg(socket, 0x64) = 3;
  bool any = false;
  while (queues[kReceive].has_used()) {
    const u16 head = queues[kReceive].take_used();
    serve(received[head]);
    give_buffer(head);
    any = true;
  }
  if (any) {
    notify(socket, kTransmit);
    notify(socket, kReceive);
  }
  // An interrupt does not return here but begins anew, so there is nothing to save.
  asm volatile("1: sti; hlt; jmp 1b");
  __builtin_unreachable();
}

extern "C" void on_interrupt();
asm(R"(
on_interrupt:
    lea stack+8192(%rip), %rsp
    call serve_on
)");

[[noreturn]] void serve_requests() {
  out(0x21, 0xff);
  out(0xa1, 0xff);
  const u64 handler = reinterpret_cast<u64>(&on_interrupt);
  u16 selector = 0;
  asm volatile("mov %%cs, %0" : "=r"(selector));
  gates[kSocketVector] = {
      static_cast<u16>(handler),       selector, 0x8e00, static_cast<u16>(handler >> 16),
      static_cast<u32>(handler >> 32), 0};
  const struct __attribute__((packed)) {
    u16 limit;
    u64 base;
  } table{sizeof(gates) - 1, reinterpret_cast<u64>(gates)};
  asm volatile("lidt %0" ::"m"(table));
  word(kLocalApic + 0xf0) = 0x1ff;
  word(kIoApic) = 0x10 + 2 * kSocketPin + 1;
  word(kIoApic + 0x10) = 0;
  word(kIoApic) = 0x10 + 2 * kSocketPin;
  word(kIoApic + 0x10) = kSocketVector;
  start_socket();
  serve_on();
}

// ---- Doing its worst.

void take_answers() {
  bool any = false;
  while (queues[kReceive].has_used()) {
    give_buffer(queues[kReceive].take_used());
    any = true;
  }
  if (any) {
    notify(socket, kReceive);
  }
}

// Sends packets for connections that are not there.
[[noreturn]] void flood_packets() {
  start_socket();
  for (u32 port = 1;; ++port) {
    send(1, port, data);
    if (port % kEntries == 0) {
      notify(socket, kTransmit);
      take_answers();
    }
  }
}

// Opens connections that nobody uses and, if `close`, resets each at once.
[[noreturn]] void flood_connections(bool close) {
  start_socket();
  for (u32 port = 1;; ++port) {
    send(1, port, request);
    if (close) {
      send(1, port, reset);
    }
    if (port % (kEntries / 2) == 0) {
      notify(socket, kTransmit);
      take_answers();
    }
  }
}

// Sends one packet of `length` bytes, which lie in `large`, again and again.
[[noreturn]] void stream_to(u32 host_port, u32 length) {
  constexpr u32 kPort = 1000;
  start_socket();
  send(host_port, kPort, request);
  notify(socket, kTransmit);
  u32 allowed = 0;
  u32 sent_bytes = 0;
  u32 peer_forwarded = 0;
  for (;;) {
    bool any = false;
    while (queues[kReceive].has_used()) {
      const u16 head = queues[kReceive].take_used();
      Header header;
      memcpy(&header, received[head], sizeof(header));
      allowed = header.buffer_size;
      peer_forwarded = header.forwarded;
      forwarded += header.operation == data ? header.length : 0;
      give_buffer(head);
      any = true;
    }
    if (any) {
      notify(socket, kReceive);
    }
    if (allowed - (sent_bytes - peer_forwarded) >= length && queues[kTransmit].under_way() == 0) {
      sent_bytes += length;
      send(large, queues[kTransmit].available.index % kEntries, host_port, kPort, data, length);
      notify(socket, kTransmit);
    }
  }
}

u32 put(u32 at, const char* text) {
  for (; *text != 0; ++text) {
    large[sizeof(Header) + at++] = static_cast<u8>(*text);
  }
  return at;
}

[[noreturn]] void store_without_end() {
  u32 length = put(0, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000\r\n") + 60000;
  length = put(length, "\r\n");
  stream_to(6379, length);
}

struct DiskRequest {
  u32 operation;
  u32 reserved;
  u64 sector;
};

constexpr u32 kMaximumChain = 1024;
alignas(16) Descriptor tables[kEntries][kMaximumChain];
DiskRequest disk_requests[kEntries];
u8 statuses[kEntries];
constexpr u64 kFreeMemory = 64 << 20;

// Reads `pieces` times `size` bytes with each request, in as many requests as the queue takes.
[[noreturn]] void read_disk(u32 pieces, u32 size) {
  start(disk, 1U << 28, 1);
  Queue& queue = queues[0];
  for (u16 i = 0; i < kEntries; ++i) {
    Descriptor* const table = tables[i];
    for (u32 at = 0; at < pieces + 2; ++at) {
      table[at] = {kFreeMemory, size, kWritable | 1, static_cast<u16>(at + 1)};
    }
    table[0] = {reinterpret_cast<u64>(&disk_requests[i]), 16, 1, 1};
    table[pieces + 1] = {reinterpret_cast<u64>(&statuses[i]), 1, kWritable, 0};
    queue.descriptors[i] = {reinterpret_cast<u64>(table), (pieces + 2) * 16, kIndirect, 0};
    queue.offer(i);
  }
  notify(disk, 0);
  for (;;) {
    bool any = false;
    while (queue.has_used()) {
      queue.offer(queue.take_used());
      any = true;
    }
    if (any) {
      notify(disk, 0);
    }
  }
}

// Reports the same free memory again and again.
[[noreturn]] void report_memory() {
  constexpr u32 kRanges = 8;
  start(balloon, 1U << 28 | 1U << 5, 3);
  Queue& queue = queues[2];
  for (u32 at = 0; at < kRanges; ++at) {
    tables[0][at] = {kFreeMemory, 32 << 20,
                     static_cast<u16>(kWritable | (at + 1 < kRanges ? 1 : 0)),
                     static_cast<u16>(at + 1)};
  }
  for (u16 i = 0; i < kEntries; ++i) {
    queue.descriptors[i] = {reinterpret_cast<u64>(tables[0]), kRanges * 16, kIndirect, 0};
    queue.offer(i);
  }
  for (;;) {
    notify(balloon, 2);
    while (queue.has_used()) {
      queue.offer(queue.take_used());
    }
  }
}

[[noreturn]] void flood_console() {
  for (;;) {
    out(kConsole, 'x');
  }
}

// Breaks the device's rules, so that there is something to log, and starts anew.
[[noreturn]] void flood_log() {
  for (;;) {
    start(socket, 0, 3);
    queues[kTransmit].offer(0);  // a buffer of no bytes
    notify(socket, kTransmit);
    while ((reg(socket, 0x70) & 0x40) == 0) {
    }
  }
}

[[noreturn]] void read_registers() {
  for (;;) {
    [[maybe_unused]] const u32 value = word(kDevices);
  }
}

[[noreturn]] void spin() {
  for (;;) {
    compiler_barrier();
  }
}

}  // namespace

// `zero_page` is Linux's struct boot_params.
extern "C" [[noreturn]] void run(const u8* zero_page) {
  constexpr u64 kCommandLinePointer = 0x228;
  u32 command_line = 0;
  memcpy(&command_line, zero_page + kCommandLinePointer, sizeof(command_line));
  switch (*reinterpret_cast<const char*>(static_cast<u64>(command_line))) {
    case 'e':
      serve_requests();
    case 'h':
      answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
      serve_requests();
    case 'p':
      flood_packets();
    case 'c':
      flood_connections(false);
    case 'o':
      flood_connections(true);
    case 'x':
      stream_to(2, kLargest);
    case 'w':
      store_without_end();
    case 'd':
      read_disk(126, 64 << 10);
    case 'D':
      read_disk(kMaximumChain - 2, 512);
    case 'b':
      report_memory();
    case 't':
      flood_console();
    case 'l':
      flood_log();
    case 'm':
      read_registers();
    default:
      spin();
  }
}

asm(R"(
.globl _start
_start:
    cli
    lea stack+8192(%rip), %rsp
    mov %rsi, %rdi
    call run
)");
