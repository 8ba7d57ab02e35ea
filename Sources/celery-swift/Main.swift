@main struct Main { static func main() { print("celery-swift") } }
