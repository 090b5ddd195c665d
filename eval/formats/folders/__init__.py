"""What the readers of VOC, ILSVRC and YOLO folders share: places, lists, names, lines, objects."""
